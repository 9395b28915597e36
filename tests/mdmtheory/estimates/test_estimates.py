"""Estimates against exact numbers. Intervals are 95 %; tests use four of their half-widths, so a false alarm is below
1e-13 for a normal mean and far below 1e-4 in any case; seeds are fixed."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from reference import samplers
from reference.brute_force import sequences

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.estimate import Estimate
from languages.information import SampledInformationCurve, estimate_information_curve
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.estimates import (
    estimate_generative_log_ter,
    estimate_learning_error,
    estimate_path_kl,
    estimate_sequence_error_rate,
    marginal_kl_bracket,
)
from mdmtheory.exact import path
from mdmtheory.samplers import plans, sample


def uniform(n):
    return torch.full((n,), 1 / n, dtype=torch.float64)


def close(estimate, truth):
    """Within four half-widths."""
    half = (estimate.high - estimate.low) / 2
    assert abs(estimate.value - truth) < 4 * half, (estimate, truth)


def test_path_curve_agrees_with_the_exact_one():
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    curve = estimate_information_curve(language, 48, num_sequences=200, generator=torch.Generator().manual_seed(0))
    for n in (1, 2, 8, 64, 512):
        estimate = curve.path_kl(uniform(n))
        close(estimate, path.path_kl(language, 48, uniform(n)))
        assert (estimate.high - estimate.low) / estimate.value < 0.06
        assert (estimate.method, estimate.law, estimate.unit) == ("monte-carlo", "path", "nats")
    exact = path.information_curve(language, 48, torch.as_tensor(curve.nodes))
    for node, estimate in enumerate(curve.h(curve.nodes)):
        if node > 0:
            close(estimate, float(exact[node]))


@pytest.mark.parametrize(
    "language", [random_ngram(3, 2, seed=4, prune_below=0.15), random_hmm(3, 3, seed=0), copy_pairs(2)],
    ids=lambda language: type(language).__name__ + language.name,
)  # fmt: skip
def test_path_kl_of_other_languages_agrees_with_enumeration(language):
    rows = torch.as_tensor(sequences(language.vocab_size, 4))
    table = language.log_prob(rows).exp().numpy().reshape((language.vocab_size,) * 4)
    weights = [0.2, 0.5, 0.3]
    generator = torch.Generator().manual_seed(3)
    estimate = estimate_path_kl(language, 4, torch.tensor(weights), num_sequences=3000, generator=generator)
    close(estimate, samplers.path_kl(table, weights))


@pytest.mark.parametrize(
    ("switch", "length", "tolerance"), [(0.1, 64, 1e-7), (0.01, 1024, 2e-5), (0.002, 1024, 2e-6), (0.0002, 1024, 2e-5)]
)
def test_interpolation_error(switch, length, tolerance):
    """The default nodes on exact curves, very slow mixing included: what interpolation costs, and that it is said."""
    language = NGramLanguage(torch.tensor([[1 - switch, switch], [switch, 1 - switch]], dtype=torch.float64))
    nodes = estimate_information_curve(language, length, num_sequences=2).nodes
    values = path.information_curve(language, length, torch.as_tensor(nodes)).numpy()
    curve = SampledInformationCurve(length, np.stack([values, values]))
    for n in (2, 8, 64, 512):
        exact = path.path_kl(language, length, uniform(n))
        estimate = curve.path_kl(uniform(n))
        assert estimate.value == pytest.approx(exact, rel=tolerance)
        assert estimate.low <= exact <= estimate.high
        assert (estimate.high - estimate.low) / exact < 4e-3


@pytest.mark.parametrize("kind", ["leak", "tilt"])
def test_learning_error_of_a_perturbed_oracle_is_known(kind):
    """KL exactly epsilon at every context: the learned part of the path KL is L · epsilon (leak)."""
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    weights = torch.tensor([0.1, 0.0, 0.6, 0.3], dtype=torch.float64)
    error = estimate_learning_error(
        PerturbedOracle(language, 0.01, kind=kind), language, 20, weights,
        num_sequences=4000, generator=torch.Generator().manual_seed(1),
    )  # fmt: skip
    if kind == "leak":
        close(error.path_kl, 20 * 0.01)
    assert error.maximum.value == pytest.approx(0.01, abs=1e-9)
    assert math.isinf(error.maximum.high)
    assert error.mean.value == pytest.approx(error.path_kl.value / 20)


def test_learning_error_weights_steps_and_positions_rightly():
    """A denoiser that errs by a known amount depending on time: Σ_k w_k L ε(t_{k−1}), in closed form."""
    table = torch.nn.functional.pad(random_ngram(2, 3, seed=2).first_order()[1], (0, 1, 0, 1))  # no token 3, ever
    table[3, 0] = 1.0
    language = NGramLanguage(table, torch.tensor([0.5, 0.25, 0.25, 0.0], dtype=torch.float64))

    class TimeDependent:
        vocab_size, mask_id, device = 4, 4, torch.device("cpu")

        def __call__(self, tokens, time=None, at=None):
            exact = language.conditionals(tokens, at=at).log_probs
            # Half the noise fraction goes to the token that never occurs: KL = −log(1 − time/2) whatever the context.
            lost = 0.5 * time[at.nonzero()[:, 0], None]
            return torch.cat([exact[:, :3] + torch.log1p(-lost), lost.log()], 1)

    weights = torch.tensor([0.2, 0.3, 0.5], dtype=torch.float64)
    error = estimate_learning_error(
        TimeDependent(), language, 12, weights, num_sequences=6000, generator=torch.Generator().manual_seed(5)
    )
    expected = 12 * sum(w * -math.log(1 - 0.5 * t) for w, t in [(0.2, 1.0), (0.3, 0.8), (0.5, 0.5)])
    close(error.path_kl, expected)
    assert estimate_learning_error(Oracle(language), language, 12, weights).path_kl.value < 1e-12


def test_sequence_error_of_copy_pairs_has_its_closed_form():
    """SER = 1 − (1 − (1 − 1/k) Σ w²)^{L/2} (docs/theory.md §3)."""
    language = copy_pairs(4)
    weights = torch.tensor([0.25, 0.25, 0.5], dtype=torch.float64)
    plan = plans.bernoulli(weights, 4000, 6, generator=torch.Generator().manual_seed(2))
    estimate = estimate_sequence_error_rate(language, sample(Oracle(language), plan).tokens)
    close(estimate, 1 - (1 - 0.75 * float((weights**2).sum())) ** 3)
    kl = weights.square().sum() * 3 * math.log(4)
    bracket = marginal_kl_bracket(estimate, Estimate.exact(float(kl), law="path", unit="nats"))
    truth = -3 * math.log(1 - 0.75 * float((weights**2).sum()))  # for this language marginal KL = −ln(1 − SER)
    assert bracket.low <= truth <= bracket.high
    assert bracket.method == "estimated-bound"


def test_generative_ter_is_judged_by_the_parent_and_infinite_without_one():
    language = random_ngram(2, 6, seed=0, prune_below=0.1)
    wrong = torch.randint(0, 6, (500, 30), generator=torch.Generator().manual_seed(0))
    assert not language.contains(wrong).any()
    estimate = estimate_generative_log_ter(language, wrong)
    assert estimate.value == pytest.approx(float(-language.parent.log_prob(wrong).mean() / 30))
    assert math.isinf(estimate_generative_log_ter(copy_pairs(3), torch.tensor([[0, 1], [1, 1]])).value)


def test_estimate_intervals():
    """Clopper–Pearson against its textbook values, and sums of independent estimates."""
    none = Estimate.from_counts(0, 100)
    assert (none.low, none.high) == (0.0, pytest.approx(1 - 0.025 ** (1 / 100)))
    every = Estimate.from_counts(50, 50)
    assert (every.low, every.high) == (pytest.approx(0.025 ** (1 / 50)), 1.0)
    total = Estimate(1.0, 0.7, 1.3, "monte-carlo", "path", "nats") + Estimate(2.0, 1.6, 2.4, "monte-carlo", "", "nats")
    assert (total.value, total.low, total.high) == (3.0, pytest.approx(2.5), pytest.approx(3.5))
    assert (Estimate.exact(1.0, unit="nats") + none.scaled(1.0).mapped(float, unit="nats")).method == "monte-carlo"
    assert Estimate.exact(2.0).mapped(math.expm1, unit="ratio").low == pytest.approx(math.expm1(2))
    for bad in [(-1, 10), (11, 10), (0, 0)]:
        with pytest.raises(ValueError, match="successes"):
            Estimate.from_counts(*bad)
    with pytest.raises(ValueError, match="two samples"):
        Estimate.from_samples([1.0])
    with pytest.raises(ValueError, match="bounds"):
        Estimate.bracket(0, 1, unit="nats") + Estimate.exact(1.0, unit="nats")


def test_the_bracket_takes_the_pessimistic_ends():
    """The lower end of the SER, for errors that may be fewer, and the upper one of the path KL, that may be larger."""
    ser = Estimate(0.5, 0.25, 0.75, "monte-carlo", "marginal", "probability")
    path_kl = Estimate(2.0, 1.0, 3.0, "monte-carlo", "path", "nats")
    bracket = marginal_kl_bracket(ser, path_kl)
    assert (bracket.low, bracket.value, bracket.high) == (pytest.approx(-math.log(0.75)), 3.0, 3.0)
