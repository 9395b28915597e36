"""SER of a wrong denoiser from what is known of the exact one, against enumeration; and its path KL.

Statistical comparisons use four half-widths of 95 % intervals (a false alarm below 1e-13 for a normal mean); seeds are
fixed."""

from __future__ import annotations

import math

import pytest
import torch

from languages import Estimate, language_from, random_ngram
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.estimates import path_log_prob
from mdmtheory.estimates.learned_path_kl import estimate_learned_path_kl
from mdmtheory.estimates.learned_sequence_error import first_order, kl_bound, reweighted
from mdmtheory.exact import enumeration
from mdmtheory.samplers import plans, sample
from mdmtheory.samplers.schemes import Bernoulli


@pytest.mark.parametrize(
    "language", [random_ngram(2, 3, seed=1, prune_below=0.2), random_ngram(3, 3, seed=4, prune_below=0.2)]
)
def test_reweighting_the_exact_sampler_is_an_identity(language):
    """SER of a wrong denoiser from samples of the exact one, with and without its SER, against enumeration."""
    wrong, oracle, reveal = PerturbedOracle(language, 0.05), Oracle(language), [0.25] * 4
    plan = plans.bernoulli(reveal, 4000, 5, generator=torch.Generator().manual_seed(0))
    tokens = sample(oracle, plan).tokens
    possible = language.contains(tokens)
    kept, walk = tokens[possible], plan[possible]
    log_weights = path_log_prob(wrong, kept, walk) - path_log_prob(oracle, kept, walk)
    known = enumeration.law(oracle, 5, Bernoulli(reveal)).sequence_error_rate(language)
    exact = enumeration.law(wrong, 5, Bernoulli(reveal)).sequence_error_rate(language).value
    found = [reweighted(possible, log_weights, given) for given in (known, None)]
    for estimate in found:
        assert abs(estimate.value - exact) < 2 * (estimate.high - estimate.low)
    assert found[0].high - found[0].low < found[1].high - found[1].low
    heavy = torch.arange(len(log_weights)) % 10 == 0  # as good as a tenth of the samples: less than a quarter
    assert reweighted(possible, torch.where(heavy, log_weights, -20.0), known) is None
    assert reweighted(possible, torch.cat([log_weights[:-1], torch.tensor([50.0])]), known) is None
    assert reweighted(torch.zeros(3, dtype=torch.bool), torch.zeros(0), known) is None


def test_first_order_and_bound():
    exact, leak = Estimate.exact(0.2, unit="probability"), Estimate.exact(0.5, unit="nats")
    found = first_order(exact, leak)
    assert (found.value, found.method) == (pytest.approx(1 - 0.8 * math.exp(-0.5)), "exact")
    rough = first_order(Estimate(0.2, 0.1, 0.3, "monte-carlo"), Estimate(0.5, 0.4, 0.6, "monte-carlo"))
    assert (rough.low, rough.high) == (
        pytest.approx(1 - 0.9 * math.exp(-0.4)),
        pytest.approx(1 - 0.7 * math.exp(-0.6)),
    )
    assert first_order(Estimate.exact(1.0), leak).value == 1
    assert kl_bound(Estimate(1.0, 0.9, 1.2, "monte-carlo")).high == pytest.approx(1 - math.exp(-1.2))


def test_the_path_kl_of_a_wrong_denoiser_is_that_of_enumeration():
    language = language_from("2-gram:vocab=3,prune=0.2")
    wrong, reveal = PerturbedOracle(language, 0.05), torch.full((4,), 0.25, dtype=torch.float64)
    exact = enumeration.path_kl(wrong, language, 5, Bernoulli(reveal.tolist())).value
    generator = torch.Generator().manual_seed(0)
    found = estimate_learned_path_kl(wrong, language, 5, reveal, num_sequences=4000, generator=generator)
    assert (found.law, found.unit) == ("path", "nats")
    assert abs(found.value - exact) < 2 * (found.high - found.low)
    assert found.high - found.low < 0.5 * exact
