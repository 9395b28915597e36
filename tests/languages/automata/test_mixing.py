"""Stationary laws, eigenvalues and mixing times against long products of matrices."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import tables

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.automata import mixing

SETTINGS = settings(max_examples=60, deadline=None, derandomize=True)


@st.composite
def chains(draw):
    """A first-order language, its start and its transition table restricted to reached states."""
    rng = np.random.default_rng(draw(tables.seeds))
    size = draw(st.integers(1, 7))
    language = NGramLanguage(tables.chain(rng, size, draw(tables.kinds)), tables.with_zeros(rng, (size,), 0.5))
    chain = language.chain()
    return chain, chain.initial, chain.transition.toarray()


def average(table, doublings=45):
    """lim 1/T Σ Pᵗ by doubling: A_{2T} = (A_T + P^T A_T) / 2."""
    result, power = np.eye(len(table)), table
    for _ in range(doublings):
        result, power = (result + power @ result) / 2, power @ power
        power /= power.sum(1, keepdims=True)
    return result


def naive(starts, table, law, epsilon, most=3000):
    """Fewest steps to within epsilon, one step at a time; infinity past `most`."""
    for steps in range(most):
        if (np.abs(starts - law).sum(1) / 2).max() <= epsilon:
            return steps
        starts = starts @ table
    return math.inf


@SETTINGS
@given(chains())
def test_long_run_and_stationary_laws(case):
    chain, start, table = case
    limit = average(table)
    np.testing.assert_allclose(chain.long_run_law, start @ limit, atol=1e-9)
    laws = chain.stationary_laws()
    np.testing.assert_allclose(laws @ table, laws, atol=1e-13)
    np.testing.assert_allclose(laws.sum(1), 1)
    assert len(laws) == np.linalg.matrix_rank(limit, tol=1e-6)
    for members, law in zip(chain.recurrent_classes, laws, strict=True):
        np.testing.assert_array_equal(np.flatnonzero(law), members.states)
        assert members.probability == pytest.approx(float(start @ limit[:, members.states].sum(1)), abs=1e-9)
        assert members.period == chain.periods[chain.class_of[members.states[0]]]
    assert sum(members.probability for members in chain.recurrent_classes) == pytest.approx(1)
    assert chain.starts_stationary() == (np.abs(start @ table - start).sum() / 2 <= 1e-10)


@SETTINGS
@given(chains(), st.sampled_from([0.5, 0.25, 0.03, 1e-4]))
def test_mixing_times_step_by_step(case, epsilon):
    chain, start, table = case
    limit = average(table)
    got = chain.convergence_time(epsilon)
    expected = naive(start[None], table, start @ limit, epsilon)
    assert got == expected or (expected == math.inf and got >= 3000)
    got = chain.mixing_time(epsilon)
    if len(chain.recurrent_classes) == 1 and chain.is_aperiodic:
        expected = naive(np.eye(len(table)), table, limit[0], epsilon)
        assert got == expected or (expected == math.inf and got >= 3000)
    else:
        assert got == math.inf
    for members in chain.recurrent_classes:
        inside = table[np.ix_(members.states, members.states)]
        got = members.mixing_time(epsilon)
        expected = math.inf
        if members.period == 1:
            expected = naive(np.eye(len(inside)), inside, members.stationary_law, epsilon)
        assert got == expected or (expected == math.inf and got >= 3000)


@SETTINGS
@given(chains())
def test_second_eigenvalue(case):
    chain, _, table = case
    for members in chain.recurrent_classes:
        values = np.sort(np.abs(np.linalg.eigvals(table[np.ix_(members.states, members.states)])))[::-1]
        second = values[1] if len(values) > 1 else 0.0
        assert members.second_eigenvalue_modulus == pytest.approx(second, abs=1e-6)
        if members.period > 1:
            assert members.second_eigenvalue_modulus == 1.0
            assert members.relaxation_time == math.inf
        else:
            assert members.relaxation_time == pytest.approx(1 / (1 - second), rel=1e-4)


@pytest.mark.parametrize(("a", "b"), [(0.3, 0.2), (0.9, 0.95), (1.0, 0.01), (1e-6, 2e-6)])
def test_two_states_in_closed_form(a, b):
    """λ = 1 − a − b, and from the worse start the distance is max(π)·|λ|ᵗ."""
    chain = NGramLanguage([[1 - a, a], [b, 1 - b]], [1, 0]).chain()
    (members,) = chain.recurrent_classes
    factor = abs(1 - a - b)
    assert members.second_eigenvalue_modulus == pytest.approx(factor, rel=1e-9)
    np.testing.assert_allclose(members.stationary_law, [b / (a + b), a / (a + b)], rtol=1e-13)
    worst = max(a, b) / (a + b)
    for epsilon in (0.2, 1e-3):
        steps = math.ceil(math.log(epsilon / worst) / math.log(factor))
        assert members.mixing_time(epsilon) == pytest.approx(steps, abs=0 if a > 1e-5 else 1)
        assert chain.mixing_time(epsilon) == members.mixing_time(epsilon)
    steps = math.ceil(math.log(1e-3 / (a / (a + b))) / math.log(factor))
    assert chain.convergence_time(1e-3) == pytest.approx(steps, abs=0 if a > 1e-5 else 1)


def test_periodic_and_split_chains_never_mix():
    cycle = NGramLanguage(np.roll(np.eye(4), 1, axis=1), [1, 0, 0, 0]).chain()
    assert cycle.mixing_time() == cycle.convergence_time() == cycle.recurrent_classes[0].mixing_time() == math.inf
    np.testing.assert_allclose(cycle.long_run_law, 0.25)
    uniform = NGramLanguage(np.roll(np.eye(4), 1, axis=1)).chain()
    assert uniform.convergence_time(1e-6) == 0  # a stationary start is there already
    assert uniform.starts_stationary()
    assert not cycle.starts_stationary()
    split = NGramLanguage(np.eye(2), [0.3, 0.7]).chain()
    assert split.mixing_time() == math.inf
    assert split.convergence_time() == 0
    assert [members.probability for members in split.recurrent_classes] == pytest.approx([0.3, 0.7])
    assert [members.second_eigenvalue_modulus for members in split.recurrent_classes] == [0.0, 0.0]
    pairs = copy_pairs(4).chain()
    assert pairs.periods.tolist() == [2]
    assert pairs.mixing_time() == math.inf


def test_too_slow_for_powers_is_infinity():
    chain = NGramLanguage([[1, 1e-30], [1e-30, 1]], [1, 0]).chain()
    assert chain.mixing_time() == math.inf
    assert chain.recurrent_classes[0].relaxation_time == math.inf


def test_large_and_small_eigenvalue_solvers_agree(monkeypatch):
    for language in (random_ngram(3, 5, seed=0, prune_below=0.1), random_hmm(30, 4, seed=1, concentration=0.1)):
        small = language.chain().recurrent_classes[0].second_eigenvalue_modulus
        monkeypatch.setattr(mixing, "DENSE_EIGENVALUES", 4)
        large = language.chain().recurrent_classes[0].second_eigenvalue_modulus
        monkeypatch.undo()
        assert large == pytest.approx(small, rel=1e-9)


def test_large_chains_are_refused_powers(monkeypatch):
    monkeypatch.setattr(mixing, "POWER_LIMIT", 3)
    chain = random_ngram(2, 4, seed=0).chain()
    for time in (chain.mixing_time, chain.convergence_time, chain.recurrent_classes[0].mixing_time):
        with pytest.raises(ValueError, match="powers are computed up to 3 states, this chain has 4"):
            time()


@pytest.mark.parametrize("epsilon", [0, -0.1, 1.5, math.nan, None, "small", 1e-12])
def test_bad_epsilon(epsilon):
    chain = random_ngram(2, 4, seed=0).chain()
    for time in (chain.mixing_time, chain.convergence_time, chain.recurrent_classes[0].mixing_time):
        with pytest.raises(ValueError, match="epsilon must lie in"):
            time(epsilon)


@pytest.mark.parametrize("tolerance", [-1, math.nan, None, "loose"])
def test_bad_tolerance(tolerance):
    with pytest.raises(ValueError, match="tolerance must lie in"):
        random_ngram(2, 4, seed=0).chain().starts_stationary(tolerance)
