"""Enumerated laws: against samples, closed forms and identities that hold for every sampler."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import stats

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from mdmtheory.denoisers import NetworkDenoiser, Oracle, PerturbedOracle
from mdmtheory.exact import enumeration, path
from mdmtheory.networks import Transformer, TransformerConfig
from mdmtheory.samplers import sample
from mdmtheory.samplers.schemes import Bernoulli, Bisection, Blocks, FixedSizes, RandomOrder

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)


@pytest.mark.parametrize(
    "scheme",
    [Bernoulli([0.5, 0.0, 0.2, 0.3]), FixedSizes([2, 0, 3]), RandomOrder(), Blocks(2), Bisection(1), Bernoulli([1.0])],
    ids=repr,
)
@pytest.mark.parametrize("language", [CHAIN, random_hmm(3, 2, seed=1, prune_below=0.3)], ids=["chain", "hmm"])
def test_samples_have_the_enumerated_law(language, scheme):
    """Chi-square over all sequences; twelve cases at 1e-5 each: a false alarm once in 8,000 changes of the seed."""
    exact = enumeration.law(Oracle(language), 5, scheme)
    assert exact.probs.sum() == pytest.approx(1, abs=1e-12)
    plan = scheme.plan(20_000, 5, generator=torch.Generator().manual_seed(3))
    tokens = sample(Oracle(language), plan).tokens
    places = language.vocab_size ** torch.arange(4, -1, -1)
    counts = torch.bincount(tokens @ places, minlength=len(exact.probs)).numpy()
    expected = exact.probs.numpy() * len(tokens)
    assert counts[expected == 0].sum() == 0
    few = expected < 5
    observed, wanted = np.append(counts[~few], counts[few].sum()), np.append(expected[~few], expected[few].sum())
    keep = wanted > 0
    assert stats.chisquare(observed[keep], wanted[keep]).pvalue > 1e-5


@pytest.mark.parametrize("language", [CHAIN, random_hmm(3, 3, seed=2, prune_below=0.1)], ids=["chain", "hmm"])
@pytest.mark.parametrize("scheme", [RandomOrder(), Blocks(1), FixedSizes([1] * 4)], ids=repr)
def test_one_token_a_round_is_the_language(language, scheme):
    exact = enumeration.law(Oracle(language), 4, scheme)
    assert exact.kl(language).value < 1e-12
    assert exact.sequence_error_rate(language).value < 1e-12
    assert exact.total_variation(language).value < 1e-12


def test_bisection_is_exact_on_a_chain_in_few_rounds():
    scheme = Bisection(1)
    assert scheme.num_rounds(7) == 3
    assert enumeration.law(Oracle(CHAIN), 7, scheme).total_variation(CHAIN).value < 1e-12


def test_copy_pairs_closed_form():
    """SER = 1 − (1 − (1 − 1/k)Σw²)^{L/2}, and the marginal KL is −ln(1 − SER)."""
    language, reveal = copy_pairs(3), [0.6, 0.1, 0.3]
    exact = enumeration.law(Oracle(language), 4, Bernoulli(reveal))
    ser = 1 - (1 - (2 / 3) * sum(w * w for w in reveal)) ** 2
    assert exact.sequence_error_rate(language).value == pytest.approx(ser, abs=1e-12)
    assert exact.kl(language).value == pytest.approx(-math.log1p(-ser), abs=1e-12)
    assert math.isinf(exact.generative_ter(language).value)


def test_inequalities_between_laws():
    """−ln(1 − SER) ≤ KL ≤ path KL, and Pinsker."""
    for steps in (1, 2, 5):
        exact = enumeration.law(Oracle(CHAIN), 5, Bernoulli.uniform(steps))
        kl, ser = exact.kl(CHAIN).value, exact.sequence_error_rate(CHAIN).value
        assert 0.001 < -math.log1p(-ser) <= kl
        assert kl <= path.path_kl(CHAIN, 5, [1 / steps] * steps)
        assert exact.total_variation(CHAIN).value <= math.sqrt(kl / 2)
        assert exact.ter_increase(CHAIN).value == pytest.approx(math.exp(kl / 5) - 1)


def test_one_step_is_the_product_of_marginals():
    exact = enumeration.law(Oracle(CHAIN), 3, Bernoulli([1.0]))
    a, b, c = CHAIN.marginals(3)
    torch.testing.assert_close(exact.probs.view(3, 3, 3), a[:, None, None] * b[:, None] * c, rtol=0, atol=1e-15)
    parent = CHAIN.parent
    surprise = -(exact.probs @ parent.log_prob(enumeration.sequences(3, 3))) / 3
    assert exact.generative_ter(CHAIN).value == pytest.approx(math.exp(surprise))


@pytest.mark.parametrize("kind", ["leak", "tilt"])
def test_perturbed_oracle_one_token_a_round_left_to_right(kind):
    """KL = Σ of the learning errors along the path: exactly ε a token, where every conditional can be tilted."""
    full, epsilon = random_ngram(2, 3, seed=0), 0.02
    exact = enumeration.law(PerturbedOracle(full, epsilon, kind=kind), 4, Blocks(1))
    assert exact.kl(full).value == pytest.approx(4 * epsilon, rel=1e-9)


def test_a_network_and_its_time():
    """A network that sees the time gets the time of the round."""
    seen = []

    class Spy(Oracle):
        def __call__(self, tokens, time=None, at=None):
            seen.append((int((tokens[0] == self.mask_id).sum()), float(time[0])))
            return super().__call__(tokens, time, at)

    enumeration.law(Spy(CHAIN), 2, Bernoulli([0.25, 0.75]))
    assert set(seen) == {(2, 1.0), (2, 0.75), (1, 0.75)}


def test_trained_networks_need_no_monte_carlo():
    torch.manual_seed(0)
    config = TransformerConfig(vocab_size=3, hidden_size=16, num_layers=1, num_heads=2)
    denoiser = NetworkDenoiser(Transformer(config))
    exact = enumeration.law(denoiser, 4, Bernoulli.uniform(3))
    assert exact.probs.sum() == pytest.approx(1, abs=1e-12)
    assert exact.kl(CHAIN).value > 0


def test_invariance_under_relabelling():
    rows, start = CHAIN.first_order()[1], CHAIN.first_order()[0]
    order = torch.tensor([2, 0, 1])
    relabelled = NGramLanguage(rows[order][:, order], start[order])
    scheme = Bernoulli([0.3, 0.7])
    there = enumeration.law(Oracle(relabelled), 4, scheme).kl(relabelled).value
    assert there == pytest.approx(enumeration.law(Oracle(CHAIN), 4, scheme).kl(CHAIN).value, abs=1e-12)


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: enumeration.law(Oracle(random_ngram(2, 8, seed=0)), 8, RandomOrder()), "lengths up to 6"),
        (lambda: enumeration.law(Oracle(CHAIN), 0, RandomOrder()), "length"),
        (lambda: enumeration.law(Oracle(CHAIN), 4, FixedSizes([1, 2])), "sizes sum to 3"),
        (lambda: Bernoulli([0.5, 0.6]), "reveal"),
        (lambda: FixedSizes([1, -1]), "sizes"),
        (lambda: Blocks(0), "size"),
        (lambda: Bisection(0), "order"),
        (lambda: Bernoulli.uniform(0), "steps"),
        (lambda: enumeration.law(Oracle(CHAIN), 2, Blocks(1)).kl(copy_pairs(2)), "over 3 tokens"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
