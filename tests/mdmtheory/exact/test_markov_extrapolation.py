"""Long sequences: extrapolations and brackets against the exact SER."""

from __future__ import annotations

import math

import numpy as np
import pytest
from reference.chains import random_chain
from scipy.sparse.csgraph import connected_components

from languages import NGramLanguage, random_ngram
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.exact import markov
from mdmtheory.exact.markov import extrapolation


def test_the_exact_value_lies_in_the_stated_interval():
    """Irreducible random chains with zeros, some of them periodic; depth 24 against lengths up to 55."""
    rng = np.random.default_rng(5)
    widths = []
    while len(widths) < 40:
        language, _ = random_chain("cycle" if len(widths) % 8 == 7 else "zeros", int(rng.integers(2, 4)), rng)
        if connected_components(language.first_order()[1].numpy() > 0, connection="strong")[0] > 1:
            continue
        length, reveal = int(rng.integers(26, 56)), rng.dirichlet(np.ones(rng.integers(1, 8)))
        exact = 1 - markov.sequence_error_curve(language, length, reveal).numpy()
        estimate = extrapolation._extrapolate(exact[:24], length)
        assert estimate.low - 1e-13 <= 1 - exact[-1] <= estimate.high + 1e-13
        widths.append(estimate.high - estimate.low)
    assert np.median(widths) < 1e-4


def test_extrapolation_is_sharp_where_the_chain_mixes():
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    exact = markov.sequence_error_rate(language, 60, uniform_reveal(4))
    estimate = markov.extrapolated_sequence_error_rate(language, 60, uniform_reveal(4))
    assert (estimate.method, estimate.law, estimate.unit) == ("extrapolated", "marginal", "probability")
    assert estimate.low <= exact <= estimate.high
    assert estimate.high - estimate.low < 1e-7
    assert markov.extrapolated_sequence_error_rate(language, 20, uniform_reveal(4)).method == "exact"


def test_far_beyond_the_depth_and_back():
    """log(1 − SER) falls by the exponent for each further token, at lengths that nobody enumerates."""
    language = random_ngram(2, 4, seed=4, prune_below=0.15)
    far, farther = (
        markov.extrapolated_sequence_error_rate(language, length, uniform_reveal(64)) for length in (500, 1500)
    )
    slope = (math.log1p(-far.value) - math.log1p(-farther.value)) / 1000
    exponent, halved = (markov.error_exponent(language, uniform_reveal(steps)) for steps in (64, 128))
    assert slope == pytest.approx(exponent.value, rel=1e-7)
    assert halved.value == pytest.approx(exponent.value / 2, rel=0.02)


def slow_chain(stay):
    """Two topics that seldom change, each with a forbidden pair of its own."""
    table = np.array([[0.6, 0.4, 0, 0], [0.3, 0, 0.7, 0], [0, 0, 0.6, 0.4], [0.7, 0, 0.3, 0]])
    table = stay * table + (1 - stay) * np.array([[1, 0, 0, 0], [1, 0, 0, 0], [0, 0, 1, 0], [0, 0, 1, 0]])
    return NGramLanguage(table)


@pytest.mark.parametrize("tolerance", [1e-3, 1e-6, 1e-9])
def test_bracket_holds_the_exact_value(tolerance):
    for language in (slow_chain(0.05), slow_chain(0.9), random_ngram(2, 4, seed=4, prune_below=0.15)):
        for reveal in (uniform_reveal(12), [0.5, 0.0, 0.25, 0.25], [1.0]):
            exact = markov.sequence_error_rate(language, 64, reveal)
            bracket = markov.sequence_error_bracket(language, 64, reveal, tolerance=tolerance)
            assert bracket.method == "bound"
            assert bracket.low - 1e-12 <= exact <= bracket.high + 1e-12
            assert bracket.high - bracket.low <= len(reveal) * 64 * tolerance + 1e-12


def test_a_coarse_bracket_is_open():
    """The case can tell: gaps that are not followed do matter, on both sides."""
    bracket = markov.sequence_error_bracket(slow_chain(0.5), 64, uniform_reveal(12), tolerance=0.1)
    exact = markov.sequence_error_rate(slow_chain(0.5), 64, uniform_reveal(12))
    assert bracket.low < exact - 1e-3
    assert bracket.high > exact + 1e-3


def test_reducible_chains_are_bracketed_not_extrapolated():
    """Transient tokens: what takes over far out may not show in the drift."""
    language, _ = random_chain("reducible", 3, np.random.default_rng(3))
    estimate = markov.extrapolated_sequence_error_rate(language, 90, uniform_reveal(4))
    assert estimate.method == "bound"
    exact = markov.sequence_error_rate(language, 90, uniform_reveal(4))
    assert estimate.low - 1e-12 <= exact <= estimate.high + 1e-12
    assert estimate.high - estimate.low < 2e-6


@pytest.mark.parametrize("seed", [5, 12, 13, 16, 20])
def test_a_fast_drift_does_not_hide_a_slow_one(seed):
    """Two classes of tokens joined by 1e−6: one dies out fast and drifts no more, the other takes over far out."""
    rng = np.random.default_rng(seed)
    table = np.zeros((4, 4))
    for first in (0, 2):
        rows = rng.dirichlet([1, 1], size=2)
        if rng.random() < 0.7:
            rows[rng.integers(2), rng.integers(2)] = 0
        table[first : first + 2, first : first + 2] = rows / rows.sum(1, keepdims=True)
    joined = np.zeros((4, 4))
    joined[:2, 2] = joined[2:, 0] = 1
    share = rng.choice([0.5, 0.9, 0.99, 0.999, 1 - 1e-5, 1])
    language = NGramLanguage((1 - 1e-6) * table + 1e-6 * joined, [share, 0, 1 - share, 0])
    reveal = uniform_reveal(int(rng.choice([2, 4, 8, 16])))
    exact = 1 - markov.sequence_error_curve(language, 70, reveal).numpy()
    memory = extrapolation._memory(language)
    assert memory == pytest.approx(1 - 2e-6, abs=1e-8)
    estimate = extrapolation._extrapolate(exact[:24], 70, memory)
    assert estimate.low <= 1 - exact[-1] <= estimate.high


def test_no_error_is_no_negative_zero():
    language = NGramLanguage(np.full((3, 3), 1 / 3))
    for estimate in (
        markov.extrapolated_sequence_error_rate(language, 200, uniform_reveal(4)),
        extrapolation._extrapolate(np.ones(24), 200),
    ):
        assert [math.copysign(1, end) for end in (estimate.value, estimate.low)] == [1, 1]
        assert estimate.value == 0


def test_bad_tolerance():
    language = random_ngram(2, 3, seed=2, prune_below=0.2)
    for tolerance in (0.0, 1.0, -1.0, math.nan):
        with pytest.raises(ValueError, match="tolerance"):
            markov.sequence_error_bracket(language, 9, [1.0], tolerance=tolerance)
    with pytest.raises(ValueError, match="tolerance"):
        markov.extrapolated_sequence_error_rate(language, 9, [1.0], tolerance=-1.0)
    with pytest.raises(ValueError, match="depth"):
        markov.error_exponent(language, [1.0], depth=10)
