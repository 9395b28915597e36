"""Exact information and conflict curves against their definitions."""

from __future__ import annotations

import dataclasses
import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import information as reference
from reference.random_tables import law, random_chain, random_hidden

from languages import HMMLanguage, NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.information import (
    ConflictCurve,
    InformationCurve,
    InformationLaw,
    SampledInformationCurve,
    conflict_curve,
    estimate_information_curve,
    information_curve,
    pair_information,
)

FRACTIONS = [0.0, 0.07, 0.5, 0.93, 1.0]
SETTINGS = settings(max_examples=40, deadline=None, derandomize=True)


@st.composite
def small_languages(draw):
    """(language, length): chains of order 1–3 and HMMs with any start and hard zeros."""
    seed, zeros = draw(st.integers(0, 2**32 - 1)), draw(st.sampled_from([0.0, 0.4, 0.7]))
    kind = draw(st.sampled_from(["1-gram", "2-gram", "2-gram", "2-gram", "3-gram", "hmm"]))
    vocab, length = draw(st.integers(1, 3)), draw(st.integers(1, 5))
    if kind == "hmm":
        return random_hidden(seed, draw(st.integers(1, 3)), vocab, zeros), min(length, 4)
    return random_chain(seed, int(kind[0]), vocab, zeros), length


@SETTINGS
@given(small_languages())
def test_information_curve_is_its_definition(case):
    language, length = case
    table, curve = law(language, length), information_curve(language, length)
    np.testing.assert_allclose(curve.z.numpy(), reference.z_curve(table), atol=1e-12)
    np.testing.assert_allclose(curve.h(FRACTIONS), [reference.bernoulli(table, t) for t in FRACTIONS], atol=1e-11)
    alone = [reference.entropy(reference.marginal(table, {i})) for i in range(length)]
    rest = [reference.entropy(table) - reference.entropy(table.sum(i)) for i in range(length)]
    assert curve.total_correlation == pytest.approx(sum(alone) - reference.entropy(table), abs=1e-11)
    assert curve.dual_total_correlation == pytest.approx(reference.entropy(table) - sum(rest), abs=1e-11)


@SETTINGS
@given(small_languages())
def test_conflict_curve_is_its_definition(case):
    language, length = case
    table, curve = law(language, length), conflict_curve(language, length)
    np.testing.assert_allclose(curve.g(FRACTIONS), [reference.conflicts(table, t) for t in FRACTIONS], atol=1e-12)
    points, weights = np.polynomial.legendre.leggauss(12)
    values = np.array([reference.conflicts(table, t) for t in (points + 1) / 2])
    assert curve.integral == pytest.approx(weights @ values / 2, abs=1e-12)
    information = information_curve(language, length)
    assert bool((curve.g(FRACTIONS) <= information.h_prime(FRACTIONS) / 2 + 1e-10).all())  # g ≤ h'/2
    if (table > 0).all():
        assert not curve.gamma.any()  # exactly: zeros are patterns


def test_derivative_and_integral():
    curve = information_curve(random_chain(3, 2, 3, 0.3), 40)
    t, step = torch.linspace(0.05, 0.95, 7, dtype=torch.float64), 1e-5
    difference = (curve.h(t + step) - curve.h(t - step)) / (2 * step)
    torch.testing.assert_close(curve.h_prime(t), difference, rtol=1e-7, atol=1e-7)
    points, weights = np.polynomial.legendre.leggauss(40)
    u = torch.as_tensor((points + 1) / 2)
    slope = curve.h_prime(u).numpy() * weights / 2
    assert slope @ (1 - u.numpy()) == pytest.approx(curve.total_correlation, rel=1e-12)
    assert slope @ u.numpy() == pytest.approx(curve.dual_total_correlation, rel=1e-12)


def test_long_chains_keep_their_digits():
    """Z at L = 1024 against the same sum in rational arithmetic; no overflow, no cancellation."""
    length = 1024
    rng = np.random.default_rng(0)
    language = NGramLanguage(rng.dirichlet(np.full(8, 0.2), size=8), rng.dirichlet(np.ones(8)))
    curve = information_curve(language, length)
    pairs = [Fraction(float(j)) for j in pair_information(language, length)]
    for size in (1, 2, 511, 900, 1023):
        total = Fraction(0)
        for d in range(1, length):
            near = 2 * math.comb(length - 1 - d, size - 1)
            far = (d - 1) * (math.comb(length - 1 - d, size - 2) if size > 1 else 0)
            total += pairs[d] * (near - far)
        exact = float(total / math.comb(length - 1, size) / length)
        assert float(curve.z[size]) == pytest.approx(exact, rel=1e-11)
    assert bool((curve.z.diff() >= 0).all())
    marginals = language.marginals(length)
    alone = float(-torch.special.xlogy(marginals, marginals).sum())
    assert curve.total_correlation == pytest.approx(alone - language.entropy(length), rel=1e-11)
    binomial = [reference.log_binomial(1023, j) + j * math.log(0.3) + (1023 - j) * math.log(0.7) for j in range(1024)]
    assert float(curve.h(0.3)) == pytest.approx(1024 * float(np.exp(binomial) @ curve.z.numpy()), rel=1e-10)
    assert float(curve.h(0.0)) == 0
    assert float(curve.h(1.0)) == pytest.approx(1024 * float(curve.z[-1]), rel=1e-14)


def slow_conflicts(start, transition, length):
    """(L + 2,) ×2 and a number: conflicts in gaps by width, a loop over all gaps, pairs of positions and of tokens."""
    vocab = len(start)
    powers, possible = [np.eye(vocab)], [np.eye(vocab) > 0]
    for _ in range(length + 1):
        powers.append(powers[-1] @ transition)
        possible.append((possible[-1].astype(int) @ (transition > 0).astype(int)) > 0)
    marginal = [None, *(start @ powers[i] for i in range(length))]
    by_ends = {0: 0.0, 1: np.zeros(length + 2), 2: np.zeros(length + 2)}
    for left, right in itertools.combinations(range(length + 2), 2):
        ends = (left > 0) + (right <= length)
        for a in range(vocab) if left else [None]:
            for b in range(vocab) if right <= length else [None]:
                before = {i: marginal[i] if a is None else powers[i - left][a] for i in range(left + 1, right)}
                after = {i: np.ones(vocab) if b is None else powers[right - i][:, b] for i in range(left + 1, right)}
                if a is None:
                    weight = 1.0 if b is None else marginal[right][b]
                    reach = weight
                else:
                    reach = 1.0 if b is None else powers[right - left][a, b]
                    weight = marginal[left][a] * reach
                if weight == 0:
                    continue
                law = {i: before[i] * after[i] / reach for i in before}
                total = sum(
                    law[i] @ ((~possible[j - i]) @ law[j]) for i, j in itertools.combinations(range(left + 1, right), 2)
                )
                if ends == 0:
                    by_ends[0] += weight * total
                else:
                    by_ends[ends][right - left] += weight * total
    return by_ends


CHAINS = {
    "cycle": np.roll(np.eye(4), 1, 1),
    "walk on a ring": (np.roll(np.eye(6), 1, 1) + np.roll(np.eye(6), -1, 1)) / 2,
    "slowly filling": np.array(
        [[0, 1, 0, 0, 0], [0, 0, 1, 0, 0], [0, 0, 0, 1, 0], [0, 0, 0, 0, 1], [0.5, 0.5, 0, 0, 0]]
    ),
    "upwards": np.triu(np.ones((4, 4))) / np.arange(4, 0, -1)[:, None],
    "two classes and a way in": np.array([[0.4, 0.3, 0, 0.3], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1.0]]),
    "random": np.array([[0, 0.3, 0.7], [0.9, 0.1, 0], [0.2, 0, 0.8]]),
}


@pytest.mark.parametrize("name", CHAINS)
@pytest.mark.parametrize("stationary", [True, False])
def test_periodic_reducible_and_slowly_filling_chains(name, stationary):
    """Patterns of zeros that change with every power, at a length where they have come round."""
    transition, length = CHAINS[name], 18
    vocab = len(transition)
    rng = np.random.default_rng(1)
    language = NGramLanguage(transition, None if stationary else rng.dirichlet(np.ones(vocab)))
    curve = conflict_curve(language, length)
    start = language.first_order()[0].numpy()
    gaps = slow_conflicts(start, transition, length)
    for t in FRACTIONS[:-1]:
        expected = gaps[0] * (1 - t) ** (length - 2)
        for width in range(3, length + 1):
            expected += (1 - t) ** (width - 3) * (t * gaps[1][width] + t**2 * gaps[2][width])
        assert float(curve.g(t)) == pytest.approx(expected, rel=1e-12, abs=1e-14)


@settings(max_examples=25, deadline=None, derandomize=True)
@given(seed=st.integers(0, 2**32 - 1), vocab=st.integers(2, 5), zeros=st.sampled_from([0.3, 0.6, 0.8]))
def test_conflicts_of_random_chains_at_length_ten(seed, vocab, zeros):
    language = random_chain(seed, 2, vocab, zeros)
    start, transition = (table.numpy() for table in language.first_order())
    gaps, t = slow_conflicts(start, transition, 10), 0.35
    expected = gaps[0] * (1 - t) ** 8
    for width in range(3, 11):
        expected += (1 - t) ** (width - 3) * (t * gaps[1][width] + t**2 * gaps[2][width])
    assert float(conflict_curve(language, 10).g(t)) == pytest.approx(expected, rel=1e-11, abs=1e-14)


def test_rare_is_not_impossible():
    """Powers that underflow are no zeros: a language with full support never contradicts itself."""
    tiny = 1e-40
    language = NGramLanguage([[1 - tiny, tiny], [tiny, 1 - tiny]])
    assert not conflict_curve(language, 60).gamma.any()
    # With a real zero beside the tiny ones the curve is finite and non-negative.
    language = NGramLanguage([[tiny, 1 - tiny, 0.0], [0.5, 0.0, 0.5], [1 - tiny, 0.0, tiny]])
    curve = conflict_curve(language, 60)
    assert bool(torch.isfinite(curve.gamma).all())
    assert bool((curve.gamma >= 0).all())


def test_conflicts_are_the_sequence_errors_to_first_order():
    """SER − Σ w² g(t_{k−1}) = O(1/N²), uniform and skewed steps, against every order of reveals."""
    language = random_chain(1, 2, 3, 0.5)
    table, curve = law(language, 4), conflict_curve(language, 4)
    for skew in (1.0, 2.0):
        left = []
        for steps in (16, 32, 64):
            ends = np.linspace(0, 1, steps + 1) ** skew
            weights = np.diff(ends)
            first_order = weights**2 @ curve.g(ends[:-1]).numpy()
            left.append(steps**2 * (reference.sequence_error_rate(table, weights) - first_order))
        assert curve.integral > 0.1
        assert np.ptp(left) < 0.01 * abs(left[-1])  # N² times what is left settles


def test_square_root_integral():
    """∫√g by the curve's own rule and by a fine trapezoid; g(1) = 0 with a square root's slope included."""
    for language, length in ((random_ngram(2, 8, seed=0, prune_below=0.2), 50), (copy_pairs(3), 6)):
        curve = conflict_curve(language, length)
        s = torch.linspace(0, 1, 200_001, dtype=torch.float64)
        t = s**2 * (3 - 2 * s)
        expected = float(torch.trapezoid(curve.g(t).sqrt(), t))
        assert curve.sqrt_integral == pytest.approx(expected, rel=1e-8)
        assert curve.sqrt_integral**2 <= curve.integral * (1 + 1e-12)  # Cauchy–Schwarz
    assert conflict_curve(random_ngram(2, 3, seed=0), 9).sqrt_integral == 0


def test_large_products_of_small_supports_are_enumerated():
    """8¹⁰ sequences, but few of them possible: copy pairs, with their closed form."""
    curve, conflicts = information_curve(copy_pairs(8), 6), conflict_curve(copy_pairs(8), 6)
    np.testing.assert_allclose(curve.z.numpy(), math.log(8) * np.arange(6) / 5, atol=1e-12)
    np.testing.assert_allclose(conflicts.gamma.numpy(), np.full(5, 3 * (1 - 1 / 8)), atol=1e-12)


def test_reprs_and_shapes():
    curve = information_curve(random_ngram(2, 3, seed=0), 7)
    assert "length=7" in repr(curve)
    assert "total_correlation=" in repr(curve)
    assert "integral=" in repr(conflict_curve(random_ngram(2, 3, seed=0), 7))
    assert curve.h(np.zeros((2, 3))).shape == (2, 3)
    assert curve.h_prime(0.5).shape == ()
    assert isinstance(curve, InformationCurve)
    assert isinstance(conflict_curve(copy_pairs(2), 2), ConflictCurve)
    with pytest.raises(dataclasses.FrozenInstanceError):
        curve.z = None
    for length in (1, 2):
        one = random_ngram(2, 3, seed=0)
        assert float(information_curve(one, length).h(0.0)) == 0
        assert float(conflict_curve(one, length).g(0.5)) == 0


@pytest.mark.parametrize("function", [information_curve, conflict_curve])
def test_long_sequences_of_other_languages_are_refused(function):
    for language in (random_ngram(3, 4, seed=0), random_hmm(4, 4, seed=0)):
        with pytest.raises(ValueError, match=r"^length=100: .*estimate"):
            function(language, 100)
    for bad in (0, -1, 2.5, "7", None):
        with pytest.raises(ValueError, match=r"^length must be"):
            function(random_ngram(2, 3, seed=0), bad)
        with pytest.raises(ValueError, match=r"^length must be"):
            function(random_hmm(2, 2, seed=0), bad)


@pytest.mark.parametrize("t", [1.01, -0.1, math.nan, [0.2, 1.2], "x", None])
def test_fractions_outside_are_refused(t):
    language = random_ngram(2, 3, seed=0)
    curve = information_curve(language, 4)
    for method in (curve.h, curve.h_prime, conflict_curve(language, 4).g):
        with pytest.raises(ValueError, match=r"^t must"):
            method(t)


@pytest.mark.gpu
def test_curves_on_a_gpu():
    language = random_chain(5, 2, 4, 0.4)
    there = language.to("cuda")
    torch.testing.assert_close(information_curve(there, 30).z.cpu(), information_curve(language, 30).z)
    torch.testing.assert_close(conflict_curve(there, 30).g(FRACTIONS).cpu(), conflict_curve(language, 30).g(FRACTIONS))
    assert conflict_curve(there, 30).sqrt_integral == pytest.approx(conflict_curve(language, 30).sqrt_integral)


def test_exact_and_sampled_curves_answer_the_same_questions():
    """One protocol: the sampled curve of no spread at all is the exact one."""
    language, weights = random_ngram(2, 3, seed=1, prune_below=0.1), [0.2, 0.5, 0.3]
    exact = information_curve(language, 6)
    nodes = estimate_information_curve(language, 6, num_sequences=2).nodes
    rows = np.stack([exact.mean(nodes)] * 2)
    sampled = SampledInformationCurve(6, rows)
    for curve in (exact, sampled):
        assert isinstance(curve, InformationLaw)
        assert curve.path_kl(weights).law == "path"
        assert curve.linear([0.25, 0.5], [2.0, -1.0], integral=3.0).value == pytest.approx(
            3 * exact.total_correlation + float(torch.tensor([2.0, -1.0]).double() @ exact.h([0.25, 0.5])), abs=1e-9
        )
        assert [one.value for one in curve.at([0.5, 1.0])] == pytest.approx(exact.h([0.5, 1.0]).tolist(), abs=1e-9)
    assert sampled.path_kl(weights).value == pytest.approx(exact.path_kl(weights).value, abs=1e-9)
    assert exact.path_kl(weights).method == "exact"
    conflicts = conflict_curve(language, 6)
    assert conflicts.linear([0.5], [2.0], integral=1.0).value == conflicts.integral + 2 * float(conflicts.g([0.5])[0])


def test_what_is_rare_is_no_conflict():
    """An HMM whose rare sequences underflow: all are possible, nothing contradicts anything, and no number is NaN."""
    e = 1e-170
    rows = torch.tensor([[1 - e, e], [e, 1 - e]], dtype=torch.float64)
    language = HMMLanguage([0.5, 0.5], rows, torch.eye(2, dtype=torch.float64))
    assert not conflict_curve(language, 4).gamma.any()
    chain = NGramLanguage(rows, [0.5, 0.5])
    torch.testing.assert_close(information_curve(language, 4).z, information_curve(chain, 4).z, atol=1e-12, rtol=0)
