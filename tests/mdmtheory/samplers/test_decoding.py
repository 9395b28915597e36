"""Temperature, top-k and nucleus, by hand."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from mdmtheory.samplers import Decoding

LAW = torch.tensor([0.1, 0.4, 0.0, 0.3, 0.2], dtype=torch.float64)


@pytest.mark.parametrize(
    ("decoding", "expected"),
    [
        (Decoding(), [0.1, 0.4, 0, 0.3, 0.2]),
        (Decoding(temperature=0.5), [0.01 / 0.3, 0.16 / 0.3, 0, 0.09 / 0.3, 0.04 / 0.3]),
        (Decoding(temperature=0), [0, 1, 0, 0, 0]),
        (Decoding(top_k=2), [0, 4 / 7, 0, 3 / 7, 0]),
        (Decoding(top_k=9), [0.1, 0.4, 0, 0.3, 0.2]),
        (Decoding(top_p=0.4), [0, 1, 0, 0, 0]),  # exactly reached is enough
        (Decoding(top_p=0.41), [0, 4 / 7, 0, 3 / 7, 0]),
        (Decoding(top_p=0.95), [0.1, 0.4, 0, 0.3, 0.2]),
        (Decoding(temperature=0.5, top_k=3, top_p=0.8), [0, 0.64, 0, 0.36, 0]),  # 16, 9, 4 of 29; 25/29 ≥ 0.8
    ],
    ids=repr,
)
def test_by_hand(decoding, expected):
    law = decoding(LAW.log().expand(2, 3, 5)).exp()
    assert law.shape == (2, 3, 5)
    for row in law.reshape(-1, 5).tolist():
        assert row == pytest.approx(expected, abs=1e-14)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(counts=st.lists(st.integers(1, 30), min_size=1, max_size=8), kept=st.integers(1, 8))
def test_the_nucleus_ends_where_its_mass_is_reached(counts, kept):
    """A nucleus of exactly the mass of the k likeliest tokens keeps k, however their sum rounds."""
    counts, kept = sorted(counts, reverse=True), min(kept, len(counts))
    if kept < len(counts):
        law, mass = torch.tensor(counts, dtype=torch.float64) / sum(counts), sum(counts[:kept])
        found = Decoding(top_p=mass / sum(counts))(law.log()).exp().tolist()
        assert found == pytest.approx([c / mass for c in counts[:kept]] + [0] * (len(counts) - kept))


def test_zeros_stay_zeros_and_tails_stay_small():
    logs = torch.tensor([[0.0, -800.0, -math.inf, -900.0]], dtype=torch.float64)
    assert Decoding(top_k=2)(logs)[0].isneginf().tolist() == [False, False, True, True]
    assert Decoding(temperature=2.0)(logs)[0].tolist() == pytest.approx([0.0, -400.0, -math.inf, -450.0])
    assert not bool(Decoding(temperature=1e-3, top_p=0.5)(logs).isnan().any())


def test_ties_go_to_the_smallest_id():
    for seed in range(20):
        noise = 1e-13 * torch.randn(4, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
        for decoding in (Decoding(temperature=0), Decoding(top_k=1), Decoding(top_p=0.2)):
            assert int(decoding(noise - math.log(4)).argmax()) == 0


def test_nothing_is_done_where_nothing_is_asked():
    logs = LAW.float().log()
    assert Decoding()(logs) is logs
    assert Decoding(top_k=4)(logs).dtype == torch.float64


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({"temperature": -1.0}, "temperature"),
        ({"temperature": math.inf}, "temperature"),
        ({"top_k": 0}, "top_k"),
        ({"top_p": 0.0}, "top_p"),
        ({"top_p": 1.1}, "top_p"),
    ],
)
def test_bad_input(options, culprit):
    with pytest.raises(ValueError, match=culprit):
        Decoding(**options)
