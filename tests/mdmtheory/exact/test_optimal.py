"""Best schedules: against trying them all, against calculus, and against the first-order law."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize, special

from mdmtheory.exact import optimal


@st.composite
def curves(draw):
    """Rising curves with flat segments and jumps."""
    rises = draw(st.lists(st.sampled_from([0.0, 0.0, 1e-9, 0.1, 0.5, 1.0, 3.0]), min_size=1, max_size=8))
    return np.cumsum([0.0, *rises])


@settings(max_examples=150, deadline=None)
@given(curves(), st.integers(1, 10))
def test_best_sizes_beat_all_others(z, steps):
    length = len(z)
    sizes = optimal.best_sizes(z, steps)
    assert sum(sizes) == length
    assert len(sizes) == min(steps, length)
    assert min(sizes) >= 1
    every = [np.diff([0, *nodes, length]) for nodes in itertools.combinations(range(1, length), min(steps, length) - 1)]
    best = min(optimal.fixed_size_path_kl(z, s) for s in every)
    assert optimal.fixed_size_path_kl(z, sizes) == pytest.approx(best, abs=1e-12)


def test_fixed_size_path_kl_is_the_double_sum():
    z, sizes = np.array([0.0, 0.3, 0.4, 1.1, 1.2, 2.0]), [2, 0, 1, 3]
    nodes = np.cumsum([0, *sizes])
    double = sum(z[a + j] - z[a] for a, b in itertools.pairwise(nodes) for j in range(b - a))
    assert optimal.fixed_size_path_kl(z, sizes) == pytest.approx(double, abs=1e-15)


def test_worst_case_curve_needs_two_steps():
    """Z_j = 1[j > k]: all information comes with one token, so two steps at the right place pay nothing."""
    z = (np.arange(1, 101) > 37).astype(float)
    assert optimal.best_sizes(z, 2) == [37, 63]
    assert optimal.fixed_size_path_kl(z, [37, 63]) == 0


def riemann(h, reveal):
    nodes = np.concatenate([[0.0], np.cumsum(reveal)])
    return float(np.sum(reveal * h(nodes[:-1])))


@pytest.mark.parametrize("steps", [1, 2, 5])
@pytest.mark.parametrize("power", [0.5, 1.0, 7.0])
def test_best_reveal_beats_a_general_optimiser(power, steps):
    """h = t^p covers concave, linear (copy pairs) and convex (parity) curves."""

    def h(t):
        return np.asarray(t) ** power

    reveal = optimal.best_reveal(h, steps)
    assert len(reveal) == steps
    assert reveal.sum() == pytest.approx(1, abs=1e-12)
    starts = np.random.default_rng(0).normal(size=(8, steps))
    found = max(
        -optimize.minimize(
            lambda logits: -riemann(h, softmax(logits)),
            start,
            method="Nelder-Mead",
            options={"xatol": 1e-10, "fatol": 1e-14, "maxiter": 8000},
        ).fun
        for start in starts
    )
    assert riemann(h, reveal) >= found - 1e-9
    if power == 1.0:
        np.testing.assert_allclose(reveal, 1 / steps, atol=1e-6)


def softmax(x):
    weights = np.exp(x - x.max())
    return weights / weights.sum()


def test_best_reveal_finds_the_global_optimum_of_a_staircase():
    """Two steep rises: a local search from equal steps would not find both."""

    def h(t):
        t = np.asarray(t)
        return special.expit(4000 * (t - 0.1)) + special.expit(4000 * (t - 0.9))

    nodes = np.cumsum(optimal.best_reveal(h, 3))
    assert 0.1 < nodes[0] < 0.104
    assert 0.9 < nodes[1] < 0.904


def test_square_root_rule_reaches_its_constant():
    """N·path KL → (∫√h')²/2 with nodes at the quantiles of √h', and the optimum is not better to first order."""
    rate = 30.0

    def h(t):
        return 1 - np.exp(-rate * np.asarray(t))

    total = 1 - (1 - math.exp(-rate)) / rate
    constant = (2 / math.sqrt(rate) * (1 - math.exp(-rate / 2))) ** 2 / 2

    def root(t):
        return np.sqrt(rate * np.exp(-rate * np.asarray(t)))

    errors = []
    for steps in (200, 800):
        ruled = steps * (total - riemann(h, optimal.density_reveal(root, steps)))
        best = steps * (total - riemann(h, optimal.best_reveal(h, steps)))
        uniform = steps * (total - riemann(h, np.full(steps, 1 / steps)))
        assert best <= ruled + 1e-9
        assert uniform > 3 * constant
        errors.append((abs(ruled / constant - 1), abs(best / constant - 1)))
    assert max(errors[1]) < 0.02
    assert errors[1][0] < errors[0][0] / 2.5


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: optimal.best_sizes([0.0, 1.0, 0.5], 2), "z must not decrease"),
        (lambda: optimal.best_sizes([[0.0]], 2), "z must be"),
        (lambda: optimal.best_sizes([0.0, math.nan], 2), "z must be"),
        (lambda: optimal.best_sizes([0.0, 1.0], 0), "steps"),
        (lambda: optimal.fixed_size_path_kl([0.0, 1.0], [1]), "sizes"),
        (lambda: optimal.fixed_size_path_kl([0.0, 1.0], [3, -1]), "sizes"),
        (lambda: optimal.best_reveal(lambda t: 1 - t, 3), "h must not decrease"),
        (lambda: optimal.best_reveal(lambda t: t[:1], 3), "h must give"),
        (lambda: optimal.density_reveal(lambda t: t - 0.5, 3), "non-negative"),
        (lambda: optimal.density_reveal(lambda t: 0 * t, 3), "zero everywhere"),
        (lambda: optimal.density_reveal(lambda t: t, 0), "steps"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
