"""Schedules of least SER: against grids, random moves, calculus, symmetry and the first-order law."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.chains import KINDS, random_chain

from languages import HMMLanguage, NGramLanguage, copy_pairs, language_from, random_hmm, random_ngram
from languages.information import conflict_curve
from mdmtheory.exact import enumeration, markov, optimal
from mdmtheory.exact.optimal import LowestSequenceError, lowest_sequence_error_reveal
from mdmtheory.samplers.schemes import Bernoulli

SLOW = "walk:values=4,up=0.05,down=0"


def simplex(steps, parts):
    """All reveal probabilities in multiples of 1/parts, none zero."""
    for nodes in itertools.combinations(range(1, parts), steps - 1):
        yield np.diff([0, *nodes, parts]) / parts


def root_of_conflicts(language, length, steps):
    curve = conflict_curve(language, length)
    return optimal.density_reveal(lambda t: curve.g(t).sqrt().numpy(), steps)


@settings(max_examples=20, deadline=None)
@given(st.sampled_from([*KINDS, "zeros", "pruned", "reducible"]), st.integers(0, 10**6), st.sampled_from([2, 3]))
def test_beats_a_grid_of_all_schedules(kind, seed, steps):
    """Hard zeros, periodic and reducible chains: no schedule of the grid is better than rounding."""
    language, _ = random_chain(kind, 3, np.random.default_rng(seed))
    found = lowest_sequence_error_reveal(language, 6, steps)
    assert found.reveal.shape == (steps,)
    assert found.reveal.sum() == pytest.approx(1, abs=1e-12)
    assert (found.reveal > 0).all()
    errors = [markov.sequence_error_rate(language, 6, w) for w in simplex(steps, {2: 30, 3: 12}[steps])]
    assert found.sequence_error_rate <= min(errors) + 1e-12
    assert found.sequence_error_rate == pytest.approx(
        markov.sequence_error_rate(language, 6, found.reveal), rel=1e-9, abs=1e-13
    )


@pytest.mark.parametrize("steps", [2, 7])
@pytest.mark.parametrize("specification", ["2-gram:vocab=4,prune=0.2", SLOW, "repeat:symbols=3", "parity:block=4"])
def test_never_worse_than_uniform_root_of_g_or_moves(specification, steps):
    language, length = language_from(specification), 8
    found = lowest_sequence_error_reveal(language, length, steps)
    rng = np.random.default_rng(0)
    others = [np.full(steps, 1 / steps), root_of_conflicts(language, length, steps)]
    if isinstance(language, NGramLanguage):

        def error(w):
            return markov.sequence_error_rate(language, length, w)
    else:

        def error(w):
            return language.closed_forms.sequence_error_rate(length, w)

    assert found.sequence_error_rate == pytest.approx(error(found.reveal), rel=1e-9)
    assert all(found.sequence_error_rate <= error(w) + 1e-13 for w in others)
    assert found.sequence_error_rate <= found.start + 1e-13
    assert found.start == pytest.approx(min(error(w) for w in others), rel=1e-9)  # where the search begins
    # A strict minimum: moves of any size pay, large ones more than rounding.
    for scale in (0.01, 0.1, 1.0):
        for _ in range(5):
            moved = found.reveal * np.exp(scale * rng.normal(size=steps))
            assert error(moved / moved.sum()) > found.sequence_error_rate


@pytest.mark.parametrize("specification", ["2-gram:vocab=4,prune=0.2", SLOW, "mds:field=5,length=4,dimension=2"])
def test_first_order_conditions(specification):
    """No derivative is negative, their mean is zero, and the uniform grid does not pass as optimal."""
    language = language_from(specification)
    found = lowest_sequence_error_reveal(language, 10, 6)
    assert found.gap <= 1e-5 * found.sequence_error_rate
    assert found.gradient.min() >= -found.gap
    assert found.reveal @ found.gradient == pytest.approx(0, abs=1e-10)
    np.testing.assert_allclose(found.gradient, 0, atol=1e-4 * found.sequence_error_rate)  # all steps are used
    equal = np.full(6, 1 / 6)
    if isinstance(language, NGramLanguage):
        _, gradient = markov.sequence_error_gradient(language, 10, equal)
        loose = LowestSequenceError(equal, 0.0, gradient.numpy(), 0.0, 0)
        assert loose.gap > 1e-3 * found.sequence_error_rate
        assert loose.gap == pytest.approx(-float(gradient.min()))


def test_equals_a_general_optimiser_on_the_enumerated_law():
    """The law of the exact denoiser by enumeration of all states, and a search without derivatives."""
    from scipy import optimize

    from mdmtheory.denoisers import Oracle

    language, length = random_ngram(2, 3, seed=1, prune_below=0.2), 4

    def error(logits):
        weights = np.exp(logits - logits.max())
        law = enumeration.law(Oracle(language), length, Bernoulli(weights / weights.sum()))
        return law.sequence_error_rate(language).value

    best = optimize.minimize(error, np.zeros(3), method="Nelder-Mead", options={"xatol": 1e-6, "fatol": 1e-11})
    found = lowest_sequence_error_reveal(language, length, 3)
    assert found.sequence_error_rate == pytest.approx(best.fun, abs=1e-10)
    weights = np.exp(best.x) / np.exp(best.x).sum()
    np.testing.assert_allclose(found.reveal, weights, atol=1e-5)


def test_slope_of_what_is_minimised():
    """The logit of the SER against differences in the logits of the steps."""
    from mdmtheory.exact.optimal import sequence_error

    _, slopes = sequence_error._error_of(language_from(SLOW), 8)
    search, logits = sequence_error._Search(slopes), np.array([-1.0, 0.3, 0.5, 0.0])
    _, gradient = search(logits)
    moved = [[search(logits + sign * 1e-5 * np.eye(4)[k])[0] for k in range(4)] for sign in (1, -1)]
    np.testing.assert_allclose(gradient, np.subtract(*moved) / 2e-5, atol=1e-8)


def test_uniform_is_best_for_copy_pairs():
    """SER = 1 − (1 − (1 − 1/k) Σ w²)^{L/2}: equal steps, from wherever the search begins."""
    language = copy_pairs(5)
    found = lowest_sequence_error_reveal(language, 10, 7, start=np.arange(1.0, 8) / 28)
    np.testing.assert_allclose(found.reveal, 1 / 7, atol=1e-5)
    assert found.sequence_error_rate == pytest.approx(1 - (1 - 0.8 / 7) ** 5, rel=1e-9)
    assert found.start > found.sequence_error_rate
    assert found.iterations > 0


def test_closed_form_and_gap_recursion_agree():
    """A repeated symbol, by difference quotients of its closed form and by the adjoint."""
    known = language_from("repeat:symbols=3")
    plain = NGramLanguage(np.eye(3), np.full(3, 1 / 3))
    assert plain.closed_forms is None
    one, other = (lowest_sequence_error_reveal(language, 9, 4) for language in (known, plain))
    np.testing.assert_allclose(one.reveal, other.reveal, atol=1e-5)
    assert one.sequence_error_rate == pytest.approx(other.sequence_error_rate, rel=1e-10)
    _, exact = markov.sequence_error_gradient(plain, 9, one.reveal)
    np.testing.assert_allclose(one.gradient, exact, atol=1e-9)


def test_relabelling_and_time_reversal_change_nothing():
    rng = np.random.default_rng(3)
    table = np.where(rng.random((4, 4)) < 0.4, 0.0, rng.random((4, 4))) + 0.2 * np.roll(np.eye(4), 1, 1)
    table /= table.sum(1, keepdims=True)
    law = np.linalg.matrix_power(table, 4096)[0]
    assert np.allclose(law @ table, law)
    order = rng.permutation(4)
    relabelled = NGramLanguage(table[order][:, order], law[order] / law.sum())
    backwards = (law[:, None] * table).T / law[:, None]
    reversed_chain = NGramLanguage(backwards / backwards.sum(1, keepdims=True), law / law.sum())
    here = lowest_sequence_error_reveal(NGramLanguage(table, law / law.sum()), 8, 4)
    for other in (relabelled, reversed_chain):
        there = lowest_sequence_error_reveal(other, 8, 4)
        np.testing.assert_allclose(there.reveal, here.reveal, atol=1e-4)
        assert there.sequence_error_rate == pytest.approx(here.sequence_error_rate, rel=1e-9)


def test_approaches_the_constant_of_the_conflict_curve():
    """N·SER → (∫√g)², from N = 8 to 64 ever closer, while the uniform grid tends to ∫g."""
    language, length = language_from("walk:values=3,up=0.1,down=0"), 10
    curve = conflict_curve(language, length)
    limit = curve.sqrt_integral**2
    assert curve.integral > 1.05 * limit
    counts = (8, 16, 32, 64)
    found = [n * lowest_sequence_error_reveal(language, length, n).sequence_error_rate for n in counts]
    apart = np.abs(np.array(found) / limit - 1)
    assert (np.diff(np.log(apart)) < np.log(0.7)).all()
    # Richardson: the error is c/N + O(1/N²).
    assert 2 * found[-1] - found[-2] == pytest.approx(limit, rel=5e-3)


def test_the_start_is_used_and_zeros_in_it_can_grow():
    language = language_from(SLOW)
    best = lowest_sequence_error_reveal(language, 10, 3)
    again = lowest_sequence_error_reveal(language, 10, 3, start=[0.0, 0.5, 0.5])
    np.testing.assert_allclose(again.reveal, best.reveal, atol=1e-3)
    assert again.start > best.start
    settled = lowest_sequence_error_reveal(language, 10, 3, start=best.reveal)
    assert settled.iterations <= 1
    assert settled.start == pytest.approx(best.sequence_error_rate, rel=1e-9)


def test_one_step_and_error_free_languages_need_no_search():
    chain = random_ngram(2, 3, seed=0, prune_below=0.2)
    one = lowest_sequence_error_reveal(chain, 5, 1)
    assert one.reveal.tolist() == [1.0]
    assert one.gap == pytest.approx(0, abs=1e-12)
    assert one.sequence_error_rate == pytest.approx(markov.sequence_error_rate(chain, 5, [1.0]))
    for language in (random_ngram(2, 3, seed=0), copy_pairs(1)):
        nothing = lowest_sequence_error_reveal(language, 5, 4)
        assert nothing.sequence_error_rate == pytest.approx(0, abs=1e-15)
        assert nothing.iterations == 0
        np.testing.assert_allclose(nothing.reveal, 0.25)


def test_prints_what_one_wants_to_know():
    text = repr(lowest_sequence_error_reveal(language_from(SLOW), 8, 3))
    assert "3 steps" in text
    assert "SER 0." in text
    assert "gap" in text


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda c: lowest_sequence_error_reveal(c, 5, 0), "steps"),
        (lambda c: lowest_sequence_error_reveal(c, 0, 2), "length"),
        (lambda c: lowest_sequence_error_reveal(c, 5, 3, start=[0.5, 0.5]), "start must have 3"),
        (lambda c: lowest_sequence_error_reveal(c, 5, 2, start=[0.5, 0.6]), "sum to one"),
        (lambda c: lowest_sequence_error_reveal(random_hmm(3, 3, seed=0), 5, 2), "exact SER .* is not known"),
        (lambda c: lowest_sequence_error_reveal(random_ngram(3, 3, seed=0), 5, 2), "first-order chain"),
        (lambda c: lowest_sequence_error_reveal(copy_pairs(64), 400, 1), "no sequence of length 400"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call(random_ngram(2, 3, seed=0, prune_below=0.2))


def test_hidden_markov_languages_with_a_closed_form_are_served():
    language = language_from("mds:field=3,length=3,dimension=1")
    assert isinstance(language, HMMLanguage)
    found = lowest_sequence_error_reveal(language, 6, 3)
    assert found.sequence_error_rate < language.closed_forms.sequence_error_rate(6, [1 / 3] * 3)
