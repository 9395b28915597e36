"""Closed forms of the languages that the theory is built on."""

from __future__ import annotations

import math

import pytest
import torch

from languages import copy_pairs


@pytest.mark.parametrize("num_symbols", [1, 2, 5, 16])
@pytest.mark.parametrize("length", [1, 2, 7, 64, 501])
def test_copy_pairs(num_symbols, length):
    """⌈L/2⌉ free symbols: every sequence of the support has the same probability."""
    language = copy_pairs(num_symbols)
    free = math.ceil(length / 2) * math.log(num_symbols)
    assert language.log_support_size(length) == pytest.approx(free, abs=1e-9)
    entropy = language.estimate_entropy(length, num_sequences=8, generator=torch.Generator().manual_seed(0))
    assert (entropy.low, entropy.value, entropy.high) == pytest.approx((free, free, free), abs=1e-9)
    tokens = language.sample(20, length, generator=torch.Generator().manual_seed(1))
    pairs = tokens[:, : length - length % 2].reshape(20, -1, 2)
    assert (pairs[..., 0] == pairs[..., 1]).all()
    uniform = torch.full((length, num_symbols), 1 / num_symbols, dtype=torch.float64)
    torch.testing.assert_close(language.marginals(length), uniform)


def test_copy_pairs_posterior():
    language = copy_pairs(3)
    hole = language.mask_id
    rows = [[hole, 2, hole, hole, 0, hole, hole], [1, 2, hole, 0, 0, 1, 2]]
    log_probs, dead = language.conditionals(torch.tensor(rows))
    assert log_probs[0].exp()[[0, 5]].tolist() == [[0, 0, 1], [1, 0, 0]]
    torch.testing.assert_close(log_probs[0, [2, 3, 6]].exp(), torch.full((3, 3), 1 / 3, dtype=torch.float64))
    # The whole second row is dead, for 1 is not 2: an HMM is one segment, and there is no parent.
    assert dead[1].tolist() == [False, False, True, False, False, False, False]
    torch.testing.assert_close(log_probs[1, 2].exp(), torch.full((3,), 1 / 3, dtype=torch.float64))
