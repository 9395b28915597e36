"""Derivatives of the exact SER: against differences, and used to find better reveal probabilities."""

from __future__ import annotations

from unittest import mock

import numpy as np
import pytest
import torch
from reference.chains import KINDS, random_chain

from languages import NGramLanguage, random_ngram
from mdmtheory.exact import markov
from mdmtheory.exact.markov import gaps, recursion


def slope(language, length, weights, k):
    """Difference quotient of second order in w_k, one-sided at zero."""
    step = 3e-6

    def value(shift):
        moved = weights.copy()
        moved[k] += shift
        return markov.sequence_error_rate(language, length, moved / moved.sum())

    if weights[k] >= step:
        return (value(step) - value(-step)) / (2 * step)
    return (-3 * value(0) + 4 * value(step) - value(2 * step)) / (2 * step)


@pytest.mark.parametrize("sizes", [(32, 1 << 20), (2, 1), (3, 1000)])
@pytest.mark.parametrize("kind", KINDS)
def test_equals_differences(kind, sizes):
    """Steps of probability zero in front, between and behind included."""
    rng = np.random.default_rng(KINDS.index(kind))
    language, _ = random_chain(kind, 3, rng)
    for weights in ([0.2, 0.5, 0.3], [0.0, 0.3, 0.0, 0.7, 0.0], [1.0, 0.0]):
        weights = np.array(weights)
        with mock.patch.object(recursion, "BLOCK", sizes[0]), mock.patch.dict(gaps.CHUNK_ENTRIES, cpu=sizes[1]):
            value, gradient = markov.sequence_error_gradient(language, 7, weights)
        assert value == pytest.approx(markov.sequence_error_rate(language, 7, weights), abs=1e-13)
        expected = [slope(language, 7, weights, k) for k in range(len(weights))]
        np.testing.assert_allclose(gradient.numpy(), expected, rtol=0, atol=2e-8)
        # SER(w / Σw) does not change when w is scaled.
        assert float(gradient @ torch.as_tensor(weights)) == pytest.approx(0, abs=1e-12)


def test_torch_differentiates_through_it():
    language = random_ngram(2, 4, seed=4, prune_below=0.15)
    logits = torch.tensor([0.3, -0.5, 0.1], dtype=torch.float64, requires_grad=True)

    def error(z):
        return markov.differentiable_sequence_error_rate(language, 10, torch.softmax(z, 0))

    assert torch.autograd.gradcheck(error, logits, eps=1e-5, atol=1e-7)
    assert torch.autograd.gradcheck(lambda z: error(z).square().exp(), logits, eps=1e-5, atol=1e-7)


def test_descent_beats_the_uniform_grid():
    """A repeated symbol is settled by the first token, so the best first step is short."""
    language, length = NGramLanguage(np.eye(3), np.full(3, 1 / 3)), 12
    logits = torch.zeros(4, dtype=torch.float64, requires_grad=True)
    optimiser = torch.optim.LBFGS([logits], max_iter=40, line_search_fn="strong_wolfe")

    def closure():
        optimiser.zero_grad()
        loss = markov.differentiable_sequence_error_rate(language, length, torch.softmax(logits, 0))
        loss.backward()
        return loss

    before = float(closure().detach())
    optimiser.step(closure)
    best = torch.softmax(logits.detach(), 0)
    value, gradient = markov.sequence_error_gradient(language, length, best)
    assert value < before - 0.2
    assert float(best[0]) < 0.15
    assert float(gradient.abs().max()) < 1e-3  # a stationary point, up to what was asked of the optimiser


def test_full_support_has_no_slope():
    value, gradient = markov.sequence_error_gradient(random_ngram(2, 3, seed=1), 6, [0.5, 0.5])
    assert value == 0.0
    assert not gradient.any()
