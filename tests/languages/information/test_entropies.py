"""Entropies and entropy rates: exact ones against enumeration, bounds around what they enclose.

Intervals are 95 %; tests use four of their half-widths, so a false alarm is far below 1e-4 each; seeds are fixed.
"""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import information as reference
from reference.random_tables import law, random_chain, random_hidden

from languages import HMMLanguage, Language, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.inference.beliefs import Beliefs
from languages.information import (
    entropy_bounds,
    entropy_rate,
    entropy_rate_bounds,
    estimate_entropy_rate,
)

SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)
EVEN = HMMLanguage([1, 0, 0], [[0.5, 0.5, 0], [0, 0, 1], [0.5, 0.5, 0]], [[1, 0], [0, 1], [0, 1]])  # runs of 1 are even


def close(estimate, truth):
    """Within four half-widths."""
    half = (estimate.high - estimate.low) / 2
    assert abs(estimate.value - truth) < 4 * half + 1e-12, (estimate, truth)


def long_run_average(transition, start, period=60):
    """Mean law over a period, after 2⁴⁰ steps: periodic and reducible chains included."""
    power = transition
    for _ in range(40):
        power = power @ power
        power = power / power.sum(1, keepdims=True)
    laws = [start @ power]
    for _ in range(period - 1):
        laws.append(laws[-1] @ transition)
    return np.mean(laws, axis=0)


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    order=st.integers(1, 3),
    vocab=st.integers(1, 4),
    zeros=st.sampled_from([0.0, 0.5, 0.9]),
)
def test_rate_of_ngrams(seed, order, vocab, zeros):
    language = random_chain(seed, order, vocab, zeros)
    rng = np.random.default_rng(seed)  # the same draws again, as dense arrays
    from reference.random_tables import rows_with_zeros

    initial = rows_with_zeros(rng, (vocab ** (order - 1),), zeros)
    rows = rows_with_zeros(rng, (vocab,) * order, zeros).reshape(-1, vocab)
    contexts = vocab ** (order - 1)
    chain = np.zeros((contexts, contexts))
    for c in range(contexts):
        for v in range(vocab):
            chain[c, (c * vocab + v) % contexts] += rows[c, v]
    weights = long_run_average(chain, initial)
    expected = sum(w * reference.entropy(row) for w, row in zip(weights, rows, strict=True))
    assert entropy_rate(language) == pytest.approx(expected, abs=1e-9)


def test_rates_that_are_known():
    assert entropy_rate(copy_pairs(16)) == pytest.approx(math.log(16) / 2, rel=1e-12)
    assert entropy_rate(EVEN) == pytest.approx(2 / 3 * math.log(2), rel=1e-12)
    # Two recurrent classes, met with chances 0.3 and 0.7; one has period 2.
    classes = NGramLanguage(
        [[0, 0.3, 0, 0.7, 0], [0, 0.5, 0.5, 0, 0], [0, 0.5, 0.5, 0, 0], [0, 0, 0, 0, 1], [0, 0, 0, 1, 0]],
        [1, 0, 0, 0, 0],
    )
    assert entropy_rate(classes) == pytest.approx(0.3 * math.log(2), rel=1e-12)
    assert entropy_rate(NGramLanguage(np.roll(np.eye(5), 1, 1))) == 0


@SETTINGS
@given(
    seed=st.integers(0, 2**32 - 1),
    states=st.integers(1, 3),
    vocab=st.integers(1, 3),
    zeros=st.sampled_from([0.0, 0.4, 0.7]),
    max_beliefs=st.integers(2, 12),
)
def test_bounds_enclose_the_entropy_of_small_hidden_chains(seed, states, vocab, zeros, max_beliefs):
    """Few beliefs, so that mergers are many and coarse."""
    language = random_hidden(seed, states, vocab, zeros)
    for length in (1, 3, 6):
        truth = reference.entropy(law(language, length))
        bounds = entropy_bounds(language, length, max_beliefs=max_beliefs)
        assert bounds.low - 1e-11 <= truth <= bounds.high + 1e-11
        assert language.entropy(length) == pytest.approx(truth, abs=1e-11)


@settings(max_examples=20, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), states=st.integers(1, 4), zeros=st.sampled_from([0.0, 0.4, 0.7]))
def test_rate_bounds_of_coarse_observers_enclose_fine_ones(seed, states, zeros):
    language = random_hidden(seed, states, 2, zeros)
    fine = entropy_rate_bounds(language, max_beliefs=2000, max_tokens=25)
    coarse = entropy_rate_bounds(language, max_beliefs=5, max_tokens=25)
    assert coarse.low - 1e-11 <= fine.high
    assert fine.low - 1e-11 <= coarse.high
    assert coarse.low <= coarse.high
    assert fine.low <= fine.high
    assert fine.method == "bound"


def test_rate_bounds_are_the_textbook_ones():
    """With room for all beliefs, n tokens give H(X_n | X_1 … X_{n−1}) and the same given S_1."""
    language = random_hmm(2, 2, seed=3)
    law_of_states = language.chain().long_run_law
    start = [HMMLanguage(s, language.transition, language.emission) for s in (law_of_states, [1.0, 0.0], [0.0, 1.0])]
    blocks = {n: [reference.entropy(law(each, n)) for each in start] for n in (5, 6)}
    above, *told = (six - five for five, six in zip(blocks[5], blocks[6], strict=True))
    bounds = entropy_rate_bounds(language, max_tokens=6, tolerance=0.0)
    assert bounds.high == pytest.approx(above, abs=1e-12)
    assert bounds.low == pytest.approx(law_of_states @ told, abs=1e-12)


@pytest.mark.parametrize(
    ("language", "rate"),
    [
        (copy_pairs(4), math.log(4) / 2),
        (EVEN, 2 / 3 * math.log(2)),
        (HMMLanguage([0.5, 0.5], [[0, 1], [1, 0]], [[1, 0], [0, 1]]), 0.0),
    ],
    ids=["copy pairs", "even", "cycle"],
)
def test_rate_bounds_close_in(language, rate):
    """Also where the long run mixes phases that the start tells apart; with three beliefs the bracket still holds."""
    for max_beliefs, width in ((1024, 1e-8), (3, 1.0)):
        bounds = entropy_rate_bounds(language, max_beliefs=max_beliefs)
        assert bounds.low - 1e-12 <= rate <= bounds.high + 1e-12
        assert bounds.high - bounds.low <= width


def test_slow_and_many_states():
    """Eight states, eight symbols: bounds within 0.1 % of each other, around the estimate; three times three: 1e-8."""
    language = random_hmm(8, 8, seed=0, concentration=0.1, prune_below=0.05)
    bounds = entropy_rate_bounds(language, max_beliefs=512)
    assert (bounds.high - bounds.low) / bounds.value < 1e-3
    estimate = estimate_entropy_rate(language, length=128, generator=torch.Generator().manual_seed(0))
    close(estimate, (bounds.low + bounds.high) / 2)
    small = entropy_rate_bounds(random_hmm(3, 3, seed=1))
    assert small.high - small.low < 1e-8


def test_a_merger_loses_what_it_says():
    """Mean of KL from each belief to the mean of its group, for groups known beforehand."""
    rng = np.random.default_rng(0)
    laws = np.repeat(rng.dirichlet(np.ones(3), size=2), 3, axis=0) + 1e-4 * rng.random((6, 3))
    laws /= laws.sum(1, keepdims=True)
    weight = rng.dirichlet(np.ones(6))
    merged, loss = Beliefs(weight, laws).merged(2)
    assert len(merged.weight) == 2
    np.testing.assert_allclose(merged.weight @ merged.law, weight @ laws, atol=1e-14)
    divergence = 0.0
    for w, b in zip(weight, laws, strict=True):
        mean = merged.law[np.abs(merged.law - b).sum(1).argmin()]
        divergence += w * np.sum(b * np.log(b / mean))
    assert loss >= 0
    heavy = weight.argmax()
    assert loss == pytest.approx(divergence, abs=1e-12) or np.abs(merged.law - laws[heavy]).sum(1).min() < 1e-12


def test_estimates_of_the_entropy():
    language = random_hmm(3, 3, seed=0)
    truth = reference.entropy(law(language, 6))
    generator = torch.Generator().manual_seed(0)
    smooth = language.estimate_entropy(6, num_sequences=2000, generator=generator)
    plain = Language.estimate_entropy(language, 6, num_sequences=2000, generator=generator)
    close(smooth, truth)
    close(plain, truth)
    assert (plain.high - plain.low) / (smooth.high - smooth.low) > 5  # 25 times fewer sequences for the same interval
    close(language.estimate_entropy(6, num_sequences=500, generator=generator), truth)


def test_what_is_not_exact_says_so():
    language = random_hmm(8, 8, seed=0)
    with pytest.raises(NotImplementedError, match="entropy_bounds"):
        language.entropy(64)
    with pytest.raises(NotImplementedError, match="entropy_rate_bounds"):
        entropy_rate(language)
    assert entropy_rate_bounds(random_ngram(3, 3, seed=0)).method == "exact"
    assert entropy_bounds(random_ngram(3, 3, seed=0), 9).method == "exact"


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda hmm: entropy_bounds(hmm, 0), "length"),
        (lambda hmm: entropy_bounds(hmm, 5, max_beliefs=1), "max_beliefs"),
        (lambda hmm: entropy_rate_bounds(hmm, max_beliefs=0), "max_beliefs"),
        (lambda hmm: entropy_rate_bounds(hmm, max_tokens=0), "max_tokens"),
        (lambda hmm: entropy_rate_bounds(hmm, tolerance=-1.0), "tolerance"),
        (lambda hmm: entropy_rate_bounds(hmm, tolerance=math.nan), "tolerance"),
        (lambda hmm: hmm.entropy(1.5), "length"),
        (lambda hmm: hmm.estimate_entropy(4, num_sequences=1), "num_sequences"),
        (lambda hmm: hmm.estimate_entropy(0), "length"),
        (lambda hmm: estimate_entropy_rate(hmm, length=1), "length"),
        (lambda hmm: estimate_entropy_rate(hmm, num_sequences="many"), "num_sequences"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=f"^{culprit} must"):
        call(random_hmm(2, 2, seed=0))
