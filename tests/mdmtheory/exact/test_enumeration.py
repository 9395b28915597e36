"""Enumerated laws: against samples, closed forms and identities that hold for every sampler."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import samplers
from reference.families import all_schemes
from reference.small_languages import random_language, random_reveal, random_sizes
from scipy import stats

from languages import NGramLanguage, copy_pairs, random_hmm, random_ngram
from languages.information import information_curve
from mdmtheory.denoisers import NetworkDenoiser, Oracle, PerturbedOracle
from mdmtheory.diffusion import Absorbing
from mdmtheory.estimates import estimate_learning_error
from mdmtheory.exact import enumeration, path
from mdmtheory.exact.enumeration import reveals
from mdmtheory.exact.optimal import fixed_size_path_kl
from mdmtheory.networks import Transformer, TransformerConfig
from mdmtheory.samplers import sample
from mdmtheory.samplers.kernels import Ancestral
from mdmtheory.samplers.policies import (
    Confidence,
    Entropy,
    EntropyBudget,
    LowConfidenceRemasking,
    Margin,
    Policy,
    Threshold,
)
from mdmtheory.samplers.schemes import Bernoulli, Bisection, Blocks, FirstHitting, FixedSizes, RandomOrder, Scheme

CHAIN = random_ngram(2, 3, seed=0, prune_below=0.2)


@pytest.mark.parametrize(
    "scheme",
    [*all_schemes(5), Bernoulli([0.5, 0.0, 0.2, 0.3]), FixedSizes([2, 0, 3]), Bernoulli([1.0])],
    ids=repr,
)
@pytest.mark.parametrize("language", [CHAIN, random_hmm(3, 2, seed=1, prune_below=0.3)], ids=["chain", "hmm"])
def test_samples_have_the_enumerated_law(language, scheme):
    """Chi-square over all sequences; twenty cases at 1e-5 each: a false alarm once in 5,000 changes of the seed."""
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
@pytest.mark.parametrize(
    "sampler",
    [*all_schemes(4), Blocks(1), FixedSizes([1] * 4), Confidence(1), Margin(1), Entropy(1)],
    ids=repr,
)
def test_independent_rounds_are_the_language(language, sampler):
    """One token a round, or what a chain keeps apart: then nothing is lost, and else something is."""
    exact = enumeration.law(Oracle(language), 4, sampler)
    if not sampler.independent_rounds(language):
        assert exact.kl(language).value > 1e-6
        return
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
        assert kl <= path.path_kl(CHAIN, 5, [1 / steps] * steps) + 1e-12  # equal at one step
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

    class Spy:
        vocab_size = mask_id = 3
        device = torch.device("cpu")

        def __call__(self, tokens, time=None, at=None):
            seen.append((int((tokens[0] == self.mask_id).sum()), float(time[0])))
            return Oracle(CHAIN)(tokens, time, at)

    enumeration.law(Spy(), 2, Bernoulli([0.25, 0.75]))
    assert set(seen) == {(2, 1.0), (2, 0.75), (1, 0.75)}


def test_trained_networks_need_no_monte_carlo():
    torch.manual_seed(0)
    config = TransformerConfig(vocab_size=3, hidden_size=16, num_layers=1, num_heads=2)
    denoiser = NetworkDenoiser(Transformer(config))
    exact = enumeration.law(denoiser, 4, Bernoulli.uniform(3))
    assert exact.probs.sum() == pytest.approx(1, abs=1e-12)
    assert exact.kl(CHAIN).value > 0


def test_drawn_times_have_no_finite_law():
    """The first-hitting sampler draws its times: only who ignores them has a law here, that of a random order."""
    one, other = (enumeration.law(Oracle(CHAIN), 4, scheme).probs for scheme in (FirstHitting(), RandomOrder()))
    assert torch.equal(one, other)
    config = TransformerConfig(vocab_size=3, hidden_size=16, num_layers=1, num_heads=2, time_conditioned=True)
    with pytest.raises(ValueError, match="draws its times"):
        enumeration.law(NetworkDenoiser(Transformer(config)), 4, FirstHitting())


CASES = {"seed": st.integers(0, 10**6), "length": st.integers(1, 4), "vocab_size": st.integers(2, 3)}


@settings(max_examples=40, deadline=None, derandomize=True)
@given(**CASES, steps=st.integers(1, 3))
def test_path_kl_of_bernoulli_reveals(seed, length, vocab_size, steps):
    """Against a sum over all reveal orders on a bare table, and against the area under the information curve."""
    language = random_language(seed, length, vocab_size)
    weights = random_reveal(seed, steps)
    value = enumeration.path_kl(Oracle(language), language, length, Bernoulli(weights)).value
    table = language.log_prob(enumeration.sequences(vocab_size, length)).exp().numpy().reshape((vocab_size,) * length)
    assert value == pytest.approx(samplers.path_kl(table, weights.tolist()), abs=1e-10)
    curve = information_curve(language, length)
    area = curve.total_correlation - float(weights @ curve.h((np.cumsum(weights) - weights).clip(0, 1)).numpy())
    assert value == pytest.approx(area, abs=1e-10)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(**CASES)
def test_path_kl_of_fixed_sizes(seed, length, vocab_size):
    language = random_language(seed, length, vocab_size)
    sizes = random_sizes(seed, length)
    value = enumeration.path_kl(Oracle(language), language, length, FixedSizes(sizes)).value
    assert value == pytest.approx(fixed_size_path_kl(information_curve(language, length).z, sizes), abs=1e-10)


@settings(max_examples=40, deadline=None, derandomize=True)
@given(
    **CASES,
    kind=st.sampled_from(["leak", "tilt"]),
    epsilon=st.sampled_from([0.01, 0.3]),
    sampler=st.sampled_from([Bernoulli([0.3, 0.7]), RandomOrder(), Blocks(2), Confidence(2), Threshold(0.6)]),
)
def test_error_of_a_learned_denoiser_adds_up(seed, length, vocab_size, kind, epsilon, sampler):
    """Path KL of p_θ = path KL of the exact denoiser + Σ E KL(conditional ‖ learned one), and each of these is ≤ ε."""
    language = random_language(seed, length, vocab_size)
    wrong = PerturbedOracle(language, epsilon, kind=kind)
    whole = enumeration.path_kl(wrong, language, length, sampler).value
    error = enumeration.learning_error(wrong, language, length, sampler)
    if isinstance(sampler, Scheme):  # a policy would take other batches from the exact denoiser
        exact = enumeration.path_kl(Oracle(language), language, length, sampler).value
        assert whole == pytest.approx(exact + error.path_kl.value, abs=1e-10)
    assert error.mean.value == pytest.approx(error.path_kl.value / length)
    assert error.maximum.value <= epsilon + 1e-10
    assert error.path_kl.value <= length * epsilon + 1e-10
    nothing = enumeration.learning_error(Oracle(language), language, length, sampler)
    assert max(nothing.path_kl.value, nothing.maximum.value) < 1e-12
    written = enumeration.law(wrong, length, sampler).kl(language).value
    if isinstance(sampler, (Blocks, Confidence, Threshold)):  # one path a sequence
        assert written == pytest.approx(whole, abs=1e-10)
    else:
        assert written <= whole + 1e-10


def test_learning_error_is_epsilon_where_every_conditional_can_be_perturbed():
    full = random_ngram(2, 3, seed=0)
    error = enumeration.learning_error(PerturbedOracle(full, 0.02, kind="tilt"), full, 4, Bernoulli.uniform(3))
    assert error.maximum.value == pytest.approx(0.02, rel=1e-9)
    assert error.mean.value == pytest.approx(0.02, rel=1e-9)


def test_learning_error_of_a_network_is_what_is_estimated():
    """The estimate's 95 % interval, doubled: a false alarm once in 10,000 changes of the seed."""
    torch.manual_seed(0)
    config = TransformerConfig(vocab_size=3, hidden_size=16, num_layers=1, num_heads=2)
    denoiser, reveal = NetworkDenoiser(Transformer(config)), [0.2, 0.5, 0.3]
    exact = enumeration.learning_error(denoiser, CHAIN, 4, Bernoulli(reveal))
    generator = torch.Generator().manual_seed(1)
    estimate = estimate_learning_error(
        denoiser, CHAIN, 4, torch.tensor(reveal), generator=generator, num_sequences=2048
    )
    middle, half = estimate.path_kl.value, estimate.path_kl.high - estimate.path_kl.value
    assert abs(exact.path_kl.value - middle) <= 2 * half
    assert half < 0.1 * middle
    assert 0.9 * exact.maximum.value <= estimate.maximum.value <= exact.maximum.value * (1 + 1e-6)  # float32


class ByTheFirst(Policy):
    """Position 0, then position 1 or 2 by what came out, then the last one."""

    def choose(self, tokens, log_probs):
        hidden, chosen = tokens == 3, torch.zeros_like(tokens, dtype=torch.bool)
        following = torch.where(tokens[:, 0] == 3, 0, torch.where(tokens[:, 0] == 0, 1, 2))
        following = torch.where(hidden.gather(1, following[:, None])[:, 0], following, 3 - following)
        chosen.scatter_(1, following[:, None], hidden.any(1, keepdim=True))
        return chosen & hidden


def test_learning_error_counts_only_what_is_visited():
    """Wrong by far where position 1 is known and position 2 is not, but the policy comes there only with x_0 = 0."""
    full = random_ngram(2, 3, seed=0)

    class WrongElsewhere:
        vocab_size = mask_id = 3
        device = torch.device("cpu")

        def __call__(self, tokens, time=None, at=None):
            exact, wrong = Oracle(full)(tokens), PerturbedOracle(full, 1.0, kind="tilt")(tokens)
            elsewhere = (tokens[:, 0] != 0) & (tokens[:, 1] != 3) & (tokens[:, 2] == 3)
            answer = torch.where(elsewhere[:, None, None], wrong, exact)
            return answer if at is None else answer[at]

    assert enumeration.learning_error(WrongElsewhere(), full, 3, ByTheFirst()).maximum.value < 1e-12
    assert enumeration.learning_error(WrongElsewhere(), full, 3, Blocks(1)).maximum.value == pytest.approx(1.0)
    assert enumeration.law(WrongElsewhere(), 3, ByTheFirst()).total_variation(full).value < 1e-12


def test_a_denoiser_that_excludes_the_truth_is_infinitely_wrong():
    pruned, full = CHAIN, CHAIN.parent
    assert math.isinf(enumeration.path_kl(Oracle(pruned), full, 3, RandomOrder()).value)
    assert math.isinf(enumeration.learning_error(Oracle(pruned), full, 3, RandomOrder()).maximum.value)
    assert math.isinf(enumeration.law(Oracle(pruned), 3, RandomOrder()).kl(full).value)
    assert math.isfinite(enumeration.path_kl(Oracle(full), pruned, 3, RandomOrder()).value)


def test_policies_pay_less_with_a_smaller_budget():
    values = [enumeration.path_kl(Oracle(CHAIN), CHAIN, 5, EntropyBudget(b)).value for b in (0.0, 0.5, 1.0, 9.0)]
    assert values[0] < 1e-12
    assert values == sorted(values)
    assert values[-1] == pytest.approx(path.path_kl(CHAIN, 5, torch.ones(1)), abs=1e-12)


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
        (lambda: enumeration.law(Oracle(CHAIN), 10**6, Blocks(1)), "lengths up to 9"),
        (lambda: enumeration.path_kl(Oracle(CHAIN), copy_pairs(2), 2, Blocks(1)), "writes 3 tokens"),
        (lambda: enumeration.path_kl(Oracle(CHAIN), CHAIN, 4, FixedSizes([1, 2])), "sizes sum to 3"),
        (lambda: enumeration.learning_error(Oracle(CHAIN), CHAIN, 0, Blocks(1)), "length"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()


def rarely_switching(exponent):
    """Two tokens that change with probability 10^−exponent: every sequence is possible, however rare."""
    e = 10.0**-exponent
    return NGramLanguage(torch.tensor([[1 - e, e], [e, 1 - e]], dtype=torch.float64), [0.5, 0.5])


@settings(max_examples=12, deadline=None)
@given(exponent=st.integers(60, 300), which=st.integers(0, 5))
def test_what_is_rare_is_not_impossible(exponent, which):
    """Membership is decided by −∞ of logs: where probabilities underflow, SER is still zero and no KL infinite."""
    sampler = (
        FixedSizes([4]), Confidence(4), Ancestral(Absorbing(2), 1), FixedSizes([2, 2]), Bernoulli.uniform(2), Blocks(3)
    )[which]  # fmt: skip
    language = rarely_switching(exponent)
    exact = enumeration.law(Oracle(language), 4, sampler)
    assert exact.sequence_error_rate(language).value == 0
    # Half of all that is possible, 0000 and 1111, comes with probability one: each marginal is even.
    assert 0 <= exact.kl(language).value <= 3.0001 * math.log(2)
    assert not math.isnan(exact.generative_ter(language).value)
    if not isinstance(sampler, Ancestral):
        assert math.isfinite(enumeration.path_kl(Oracle(language), language, 4, sampler).value)
        assert enumeration.learning_error(Oracle(language), language, 4, sampler).maximum.value < 1e-12


def test_what_is_never_written_is_told_from_what_underflows():
    """p(x) = 1e−400 of an x with q(x) = 1e−300 adds nothing to the KL; p(x) = 0 makes it infinite."""
    transition = [[1 - 1e-100, 1e-100, 0], [0, 1 - 1e-200, 1e-200], [0, 0, 1]]
    language = NGramLanguage(torch.tensor(transition, dtype=torch.float64), [1.0, 0, 0])
    exact = enumeration.law(Oracle(language), 3, FixedSizes([3]))
    assert exact.kl(language).value < 1e-90
    assert float(exact.log_probs[5]) == pytest.approx(4 * math.log(1e-100), rel=1e-12)  # 0, 1, 2
    less = NGramLanguage(torch.tensor([[1, 0, 0], *transition[1:]], dtype=torch.float64), [1.0, 0, 0])
    assert math.isinf(enumeration.law(Oracle(less), 3, FixedSizes([3])).kl(language).value)
    assert math.isinf(enumeration.path_kl(Oracle(less), language, 3, RandomOrder()).value)
    assert math.isinf(enumeration.learning_error(Oracle(less), language, 3, RandomOrder()).maximum.value)


@pytest.mark.parametrize("ties", ["left", "random"])
@pytest.mark.parametrize("size", [1, 2])
def test_draws_that_are_thrown_away_are_summed_alike_with_and_without_logs(size, ties, monkeypatch):
    """A policy that ranks drawn tokens: linear products, and logarithms where one may underflow."""
    language = random_ngram(2, 3, seed=5, prune_below=0.2)
    policy = LowConfidenceRemasking(size, ties=ties)
    linear = enumeration.law(Oracle(language), 3, policy)
    monkeypatch.setattr(reveals, "SAFE", 1.0)  # nothing is safe
    logarithmic = enumeration.law(Oracle(language), 3, policy)
    assert float((linear.probs - logarithmic.probs).abs().max()) < 1e-14
    rare = rarely_switching(170)
    monkeypatch.undo()
    assert enumeration.law(Oracle(rare), 4, policy).sequence_error_rate(rare).value == 0
