"""The conflict rate against the gap recursion, long sequences and closed forms."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from scipy import integrate

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.constructions import deterministic_cycle, repeated_symbol
from languages.information import ConflictCurve, conflict_curve
from mdmtheory.exact import asymptotics, markov
from mdmtheory.exact.optimal import density_reveal

CHAINS = [random_ngram(2, 3, seed=1, prune_below=0.15), random_ngram(2, 4, seed=3, prune_below=0.1)]


def by_definition(chain, widest):
    """κ up to gaps of a width, from the double sum over positions and pairs of tokens."""
    transition = chain.first_order()[1].numpy()
    values, vectors = np.linalg.eig(transition.T)
    stationary = np.real(vectors[:, np.argmax(values.real)])
    stationary /= stationary.sum()
    powers = [np.linalg.matrix_power(transition, d) for d in range(widest + 1)]
    patterns = [np.linalg.matrix_power((transition > 0).astype(float), d) > 0 for d in range(widest + 1)]
    total = 0.0
    for width in range(3, widest + 1):
        inner = 0.0
        for l in range(1, width - 1):
            for n in range(1, width - l):
                m = width - l - n
                for a, b in np.argwhere(powers[width] > 0):
                    first = powers[l][a] * powers[n + m][:, b] / powers[width][a, b]
                    second = powers[l + n][a] * powers[m][:, b] / powers[width][a, b]
                    inner += stationary[a] * powers[width][a, b] * (first @ ~patterns[n] @ second)
        total += 2 * inner / (width * (width - 1) * (width - 2))
    return total


def test_kappa_is_its_double_sum():
    """Gaps up to 18; what is left out beyond falls as slope/width."""
    rate = asymptotics.conflict_rate(CHAINS[1])
    cut = asymptotics.ConflictRate(rate.gaps[:16])
    slope, intercept = cut._line
    tail = 2 * slope / 17 + intercept / (18 * 17)
    assert by_definition(CHAINS[1], 18) == pytest.approx(cut.kappa() - tail, rel=1e-12)
    assert cut.kappa() == pytest.approx(rate.kappa(), rel=1e-6)


@pytest.mark.parametrize("chain", CHAINS, ids=["V=3", "V=4"])
def test_kappa_is_the_exponent_of_the_gap_recursion(chain):
    """Two calculators that share no formula: .142990 and .238502, each to six digits."""
    counts = [16, 32, 64, 128]
    row = [n * markov.error_exponent(chain, np.full(n, 1 / n)).value for n in counts]
    for order in (1, 2, 3):
        row = [(2**order * b - a) / (2**order - 1) for a, b in itertools.pairwise(row)]
    assert asymptotics.kappa(chain) == pytest.approx(row[0], rel=5e-6)


@pytest.mark.parametrize("chain", CHAINS, ids=["V=3", "V=4"])
def test_the_rate_is_the_limit_of_the_conflict_curve(chain):
    rate, t = asymptotics.conflict_rate(chain), np.array([0.0, 1e-3, 0.2, 0.7, 1.0])
    long, longer = (conflict_curve(chain, length) for length in (300, 600))
    # Ends of the sequence count once: the difference of two lengths has none.
    slope = (longer.g(torch.as_tensor(t)) - long.g(torch.as_tensor(t))).numpy() / 300
    np.testing.assert_allclose(rate(t), slope, rtol=1e-9)
    assert rate.kappa() == pytest.approx((longer.integral - long.integral) / 300, rel=2e-3)
    assert rate.kappa() == pytest.approx(integrate.quad(lambda u: float(rate(np.array(u))), 0, 1)[0], rel=1e-8)


def test_step_densities():
    rate = asymptotics.conflict_rate(CHAINS[0])
    assert rate.kappa(lambda t: np.ones_like(t)) == pytest.approx(rate.kappa(), rel=1e-9)
    best = rate.kappa(lambda t: np.sqrt(rate(t)))
    assert best == pytest.approx(rate.sqrt_integral**2, rel=1e-8)
    assert best < rate.kappa(lambda t: 0.5 + t)
    assert best < rate.kappa()
    assert rate.kappa(lambda t: 7 * np.sqrt(rate(t))) == pytest.approx(best)
    exponents = []
    for steps in (64, 128):
        reveal = density_reveal(lambda t: np.sqrt(rate(t)), steps)
        exponents.append(steps * markov.error_exponent(CHAINS[0], reveal).value)
    assert 2 * exponents[1] - exponents[0] == pytest.approx(best, rel=2e-4)


def test_the_start_does_not_matter():
    chain = CHAINS[0]
    start, transition = chain.first_order()
    elsewhere = NGramLanguage(transition, torch.tensor([1.0, 0.0, 0.0], dtype=torch.float64))
    assert asymptotics.kappa(elsewhere) == pytest.approx(asymptotics.kappa(chain), rel=1e-12)
    order = torch.tensor([2, 0, 1])
    relabelled = NGramLanguage(transition[order][:, order], start[order])
    assert asymptotics.kappa(relabelled) == pytest.approx(asymptotics.kappa(chain), rel=1e-12)


def test_tokens_that_never_occur_do_not_matter():
    transition = CHAINS[0].first_order()[1]
    wider = torch.zeros(4, 4, dtype=torch.float64)
    wider[:3, :3] = transition
    wider[3, 0] = 1.0
    chain = NGramLanguage(wider, torch.tensor([1.0, 0, 0, 0], dtype=torch.float64))
    assert asymptotics.kappa(chain) == pytest.approx(asymptotics.kappa(CHAINS[0]), rel=1e-12)


def test_without_zeros_there_is_no_error():
    assert asymptotics.kappa(random_ngram(2, 3, seed=0)) == 0
    assert asymptotics.kappa(NGramLanguage([0.2, 0.8])) == 0
    assert asymptotics.linear_steps(random_ngram(2, 3, seed=0), 10, 0.5) == 0


def test_steps_grow_linearly():
    """N ≈ κL/(−ln(1 − SER)) against the exact SER with that many steps."""
    for length, off in ((20, 0.05), (40, 0.03)):
        steps = round(asymptotics.linear_steps(CHAINS[1], length, 0.1))
        assert steps == pytest.approx(0.2385 * length / 0.10536, abs=1)
        ser = float(markov.sequence_error_rate(CHAINS[1], length, np.full(steps, 1 / steps)))
        assert ser == pytest.approx(0.1, rel=off)


def test_first_order_errors_take_the_middle_of_each_step():
    """With g(t) = t: 0.4²·0.2 + 0.6²·0.7."""
    curve = ConflictCurve(torch.tensor([0.0, 1.0], dtype=torch.float64))
    rate = asymptotics.first_order_sequence_error_rate(curve, [0.4, 0.6])
    assert rate == pytest.approx(-np.expm1(-0.284), rel=1e-12)


@pytest.mark.parametrize(
    ("language", "length"),
    [(CHAINS[0], 12), (copy_pairs(4), 6), (random_hmm(3, 3, seed=5, prune_below=0.3), 4)],
    ids=str,
)
def test_first_order_errors(language, length):
    """Off by O(1/N²): doubling N makes it four times better."""
    from mdmtheory.denoisers import Oracle
    from mdmtheory.exact import enumeration
    from mdmtheory.samplers.schemes import Bernoulli

    curve, off = conflict_curve(language, length), []
    for steps in (8, 16, 32):
        reveal = np.full(steps, 1 / steps)
        if isinstance(language, NGramLanguage):
            exact = float(markov.sequence_error_rate(language, length, reveal))
        elif language.closed_forms is not None:
            exact = language.closed_forms.sequence_error_rate(length, reveal)
        else:
            law = enumeration.law(Oracle(language), length, Bernoulli(reveal))
            exact = law.sequence_error_rate(language).value
        off.append(asymptotics.first_order_sequence_error_rate(curve, reveal) - exact)
    assert abs(off[2]) < 0.03 * exact
    assert off[0] / off[1] == pytest.approx(4, rel=0.2)
    assert off[1] / off[2] == pytest.approx(4, rel=0.12)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: asymptotics.kappa(random_ngram(3, 2, seed=0)), "first-order chain"),
        (lambda: asymptotics.kappa(copy_pairs(2)), "first-order chain"),
        (lambda: asymptotics.kappa(deterministic_cycle(3)), "periodic"),
        (lambda: asymptotics.kappa(repeated_symbol(2)), "reducible"),
        (lambda: asymptotics.kappa(NGramLanguage([[0.999, 0.001, 0], [0, 0.999, 0.001], [0.001, 0, 0.999]])), "slowly"),
        (lambda: asymptotics.linear_steps(CHAINS[0], 10, 0.0), "ser"),
        (lambda: asymptotics.linear_steps(CHAINS[0], 10, 1.0), "ser"),
        (lambda: asymptotics.linear_steps(CHAINS[0], 0, 0.5), "length"),
        (lambda: asymptotics.kappa(CHAINS[0], lambda t: t - 0.5), "density"),
        (lambda: asymptotics.kappa(CHAINS[0], lambda t: 0 * t), "density"),
        (lambda: asymptotics.first_order_sequence_error_rate(conflict_curve(CHAINS[0], 4), [0.5]), "reveal"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
