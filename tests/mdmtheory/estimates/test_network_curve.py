"""Curves and log-probabilities from a denoiser's own losses, against enumeration and the exact curves.

Intervals are 95 %; tests use four of their half-widths, so one comparison of a normal mean fails with probability
4e-15, and far below 1e-4 in any case; seeds are fixed."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import torch
from reference.brute_force import sequences
from reference.small_languages import random_language, random_reveal

from languages import language_from, random_ngram
from languages.constructions import block_language
from mdmtheory.denoisers import Oracle, PerturbedOracle
from mdmtheory.estimates import (
    NetworkCurve,
    estimate_learning_error,
    learning_error_curve,
    network_information_curve,
    path_log_prob,
)
from mdmtheory.exact import enumeration, path
from mdmtheory.exact.optimal import best_reveal
from mdmtheory.samplers import plans
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes


def close(estimate, truth):
    """Within four half-widths."""
    half = (estimate.high - estimate.low) / 2
    assert abs(estimate.value - truth) < 4 * half + 1e-9, (estimate, truth)


def seeded(seed):
    return torch.Generator().manual_seed(seed)


class Stranger:
    """Exact conditionals of another law, full of support, flattened more the more noise it is told of."""

    def __init__(self, seed, vocab_size, length, flatter=1.0):
        table = np.random.default_rng(seed).dirichlet(np.ones(vocab_size**length)).reshape((vocab_size,) * length)
        self.language, self.flatter = block_language(table), flatter
        self.vocab_size, self.mask_id, self.device = vocab_size, vocab_size, torch.device("cpu")

    def __call__(self, tokens, time=None, at=None):
        log_probs = self.language.conditionals(tokens, at=at).log_probs
        rows = time[at.nonzero()[:, 0], None] if at is not None else time[:, None, None]
        shares = 1 - self.flatter * rows / 2
        mixed = (shares * log_probs.exp() + (1 - shares) / self.vocab_size).log()
        if at is not None:
            return mixed
        return torch.where((tokens != self.mask_id)[..., None], log_probs, mixed)


def enumerated_losses(denoiser, language, length, t):
    """CE(t) and ε(t) by summing over sequences, positions and sets."""
    rows = torch.as_tensor(sequences(language.vocab_size, length))
    truth = language.log_prob(rows).exp()
    loss = error = 0.0
    for position in range(length):
        others = [i for i in range(length) if i != position]
        for flags in itertools.product([False, True], repeat=length - 1):
            chance = math.prod(t if flag else 1 - t for flag in flags)
            if chance == 0:
                continue
            hidden = torch.ones_like(rows, dtype=torch.bool)
            hidden[:, [i for i, flag in zip(others, flags, strict=True) if flag]] = False
            at = torch.zeros_like(hidden)
            at[:, position] = True
            noisy = rows.masked_fill(hidden, language.mask_id)
            time = torch.full((len(rows),), 1 - t, dtype=torch.float64)
            said = denoiser(noisy, time, at).gather(1, rows[:, position, None])[:, 0]
            exact = language.conditionals(noisy, at=at).log_probs.gather(1, rows[:, position, None])[:, 0]
            kept = truth > 0
            loss -= chance * float((truth * said)[kept].sum()) / length
            error += chance * float((truth * (exact - said))[kept].sum()) / length
    return loss, error


@pytest.mark.parametrize("kind", ["cross-entropy", "entropy"])
def test_with_the_oracle_it_is_the_exact_curve(kind):
    """32 comparisons."""
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    tokens = language.sample(1500, 24, generator=seeded(0))
    curve = network_information_curve(Oracle(language), tokens, kind=kind, generator=seeded(1))
    exact = path.information_curve(language, 24, torch.as_tensor(curve.nodes)).numpy()
    for estimate, truth in zip(curve.h(curve.nodes)[1:], exact[1:], strict=True):
        close(estimate, truth)
        assert (estimate.high - estimate.low) / 2 < 0.15 * exact[-1]
    close(curve.total_correlation, path.path_kl(language, 24, [1.0]))
    for n in (2, 8, 32):
        close(curve.path_kl([1 / n] * n), path.path_kl(language, 24, [1 / n] * n))


def test_entropies_are_the_quieter():
    language = random_ngram(2, 8, seed=1, prune_below=0.05)
    tokens = language.sample(600, 24, generator=seeded(0))
    loud, quiet = (
        network_information_curve(Oracle(language), tokens, kind=kind, generator=seeded(1)).total_correlation
        for kind in ("cross-entropy", "entropy")
    )
    assert quiet.high - quiet.low < 0.7 * (loud.high - loud.low)


@pytest.mark.parametrize("seed", range(4))
def test_any_denoiser_on_any_language_against_enumeration(seed):
    """Losses, learning error, and ĥ = h + L (ε(0) − ε(t)); 15 comparisons a seed. The denoiser listens to the time."""
    language, denoiser = random_language(seed, 3, 2), Stranger(seed, 2, 3)
    tokens = language.sample(6000, 3, generator=seeded(seed))
    curve = network_information_curve(denoiser, tokens, num_nodes=5, generator=seeded(seed + 10))
    errors = learning_error_curve(denoiser, language, tokens, num_nodes=5, generator=seeded(seed + 20))
    exact = path.information_curve(language, 3, torch.as_tensor(curve.nodes)).numpy()
    at_start = enumerated_losses(denoiser, language, 3, 0.0)[1]
    for node, t in enumerate(curve.nodes):
        loss, error = enumerated_losses(denoiser, language, 3, float(t))
        close(curve.loss()[node], loss)
        close(errors.at([t])[0], error)
        close(curve.h([t])[0], exact[node] + 3 * (at_start - error))


@pytest.mark.parametrize("seed", range(4))
def test_nelbo_and_learning_error_of_schedules_are_the_enumerated_ones(seed):
    """The denoiser is deaf to the time, so that nothing but the curves has to be interpolated."""
    language, denoiser = random_language(seed, 3, 2), Stranger(seed, 2, 3, flatter=0.0)
    tokens = language.sample(2000, 3, generator=seeded(seed))
    weights = random_reveal(seed, 3)
    before = np.cumsum(weights) - weights
    log_probs = language.log_prob(torch.as_tensor(sequences(2, 3)))
    entropy = -float((log_probs.exp() * log_probs)[log_probs > -torch.inf].sum())
    scheme = Bernoulli(weights.tolist())
    curve = network_information_curve(denoiser, tokens, num_nodes=13, generator=seeded(seed + 10))
    close(curve.nelbo(weights), enumeration.path_kl(denoiser, language, 3, scheme).value + entropy)
    errors = learning_error_curve(denoiser, language, tokens, num_nodes=13, generator=seeded(seed + 20))
    exact = enumeration.learning_error(denoiser, language, 3, scheme)
    close(errors.linear(before.clip(0, 1), 3 * weights), exact.path_kl.value)


def test_nearest_curve_is_the_curve_where_there_is_no_noise():
    language = random_ngram(2, 6, seed=3, prune_below=0.1)
    nodes = network_information_curve(Oracle(language), language.sample(2, 12, generator=seeded(0))).nodes
    exact = path.information_curve(language, 12, torch.as_tensor(nodes)).numpy()
    found = NetworkCurve(12, np.stack([exact, exact]), losses=np.zeros((2, len(nodes)))).nearest()
    grid = torch.linspace(0, 1, 101, dtype=torch.float64)
    np.testing.assert_allclose(found.h(grid), path.information_curve(language, 12, grid), atol=1e-6)
    assert found.total_correlation == pytest.approx(path.path_kl(language, 12, [1.0]), abs=1e-6)


def test_nearest_curve_of_noise_is_a_curve_still():
    noise = np.random.default_rng(0).normal(size=(8, 33)).cumsum(1)
    noise[:, 0] = 0.0
    found = NetworkCurve(40, noise, losses=np.zeros((8, 33))).nearest()
    assert found.z[0] == 0
    assert (found.z.diff() >= 0).all()
    assert sum(best_reveal(lambda t: found.h(t).numpy(), 5)) == pytest.approx(1)


def test_the_recommended_schedule_of_the_oracle_is_nearly_the_best():
    """On a slow walk, where uniform steps pay 2.5 times the least; no law is looked at to recommend."""
    language = language_from("walk:values=6,up=0.05,down=0")
    tokens = language.sample(1024, 24, generator=seeded(0))
    seen = network_information_curve(Oracle(language), tokens, generator=seeded(1)).nearest()
    recommended = path.path_kl(language, 24, torch.as_tensor(best_reveal(lambda t: seen.h(t).numpy(), 8)))
    exact = path.information_curve
    best = path.path_kl(
        language, 24, torch.as_tensor(best_reveal(lambda t: exact(language, 24, torch.as_tensor(t)).numpy(), 8))
    )
    uniform = path.path_kl(language, 24, [1 / 8] * 8)
    assert best <= recommended < 1.05 * best
    assert recommended < uniform / 2


def test_batches_do_not_matter_and_draws_help():
    language = random_ngram(2, 5, seed=2)
    tokens, oracle = language.sample(50, 9, generator=seeded(0)), Oracle(language)
    curves = [network_information_curve(oracle, tokens, max_batch=m, generator=seeded(5)) for m in (256, 7)]
    np.testing.assert_allclose(curves[0].losses, curves[1].losses, atol=1e-12)
    many = network_information_curve(oracle, tokens, num_draws=8, generator=seeded(5))
    assert many.samples[:, 16].std() < 0.8 * curves[0].samples[:, 16].std()


def test_one_token_tells_nothing_about_others():
    language = random_ngram(2, 4, seed=0)
    curve = network_information_curve(Oracle(language), language.sample(10, 1, generator=seeded(0)))
    assert curve.nearest().total_correlation == 0
    assert not curve.samples.any()


@pytest.mark.parametrize(
    ("change", "culprit"),
    [
        ({"kind": "loss"}, "kind"),
        ({"num_nodes": 8}, "num_nodes"),
        ({"num_draws": 0}, "num_draws"),
        ({"max_batch": 0}, "max_batch"),
        ({"tokens": torch.tensor([[0, 4, 1], [0, 1, 2]])}, "hole"),
        ({"tokens": torch.tensor([[0, 1, 2]])}, "number of sequences"),
        ({"tokens": torch.tensor([[0, 1, 5], [0, 1, 2]])}, "id 5"),
    ],
)
def test_bad_input_names_the_culprit(change, culprit):
    arguments = {"tokens": torch.tensor([[0, 1, 2], [3, 2, 1]]), **change}
    with pytest.raises(ValueError, match=culprit):
        network_information_curve(Oracle(random_ngram(2, 4, seed=0)), **arguments)


def test_entropies_have_no_nelbo():
    language = random_ngram(2, 4, seed=0)
    curve = network_information_curve(Oracle(language), language.sample(4, 5, generator=seeded(0)), kind="entropy")
    with pytest.raises(ValueError, match="kind"):
        curve.nelbo([1.0])
    loss = network_information_curve(Oracle(language), language.sample(4, 5, generator=seeded(0)))
    with pytest.raises(ValueError, match="reveal"):
        loss.nelbo([0.5, 0.4])


def test_path_log_prob_summed_over_all_paths_is_the_enumerated_path_kl():
    """Every sequence along every assignment of rounds, a skipped round among them: no sampling."""
    language, weights = random_language(0, 3, 2), [0.3, 0.0, 0.7]
    denoiser = Stranger(1, 2, 3)
    rows = torch.as_tensor(sequences(2, 3))
    truth = language.log_prob(rows)
    times = torch.tensor([1.0, 0.7, 0.7], dtype=torch.float64)
    kl = 0.0
    for rounds in itertools.product(range(3), repeat=3):
        chance = math.prod(weights[k] for k in rounds)
        plan = Plan(torch.tensor([rounds] * 8), times, torch.zeros(8, dtype=torch.int64))
        found = path_log_prob(denoiser, rows, plan, max_batch=3)
        assert float(found.exp().sum()) == pytest.approx(1, abs=1e-12)  # a law, for every order
        kept = truth > -torch.inf
        kl += chance * float((truth.exp() * (truth - found))[kept].sum())
    exact = enumeration.path_kl(denoiser, language, 3, Bernoulli(weights)).value
    assert kl == pytest.approx(exact, abs=1e-12)


def test_path_log_prob_of_an_order_of_single_tokens_is_the_likelihood():
    """With an exact denoiser, whatever the order; given positions cost nothing, and times may differ by row."""
    language = random_ngram(3, 4, seed=5, prune_below=0.1)
    tokens = language.sample(20, 7, generator=seeded(0))
    plan = plans.random_order(20, 7, generator=seeded(1))
    torch.testing.assert_close(path_log_prob(Oracle(language), tokens, plan), language.log_prob(tokens))
    rounds = plan.rounds.clone()
    rounds[:, 2] = -1
    given = Plan(rounds, plan.times.expand(20, -1).contiguous(), plan.row_keys)
    alone = torch.full_like(tokens, language.mask_id)
    alone[:, 2] = tokens[:, 2]
    expected = language.log_prob(tokens) - language.log_marginal(alone)
    torch.testing.assert_close(path_log_prob(Oracle(language), tokens, given), expected)


def test_path_log_prob_refuses_what_does_not_fit():
    language = random_ngram(2, 4, seed=0)
    plan = plans.random_order(3, 5, generator=seeded(0))
    with pytest.raises(ValueError, match="plan"):
        path_log_prob(Oracle(language), language.sample(3, 4, generator=seeded(0)), plan)
    with pytest.raises(ValueError, match="hole"):
        path_log_prob(Oracle(language), torch.full((3, 5), 4), plan)


def test_leak_of_a_deterministic_cycle_is_epsilon_a_token():
    """One token tells all others: each of them leaks exactly ε, the first one cannot."""
    language = language_from("cycle:symbols=3")
    denoiser = PerturbedOracle(language, 0.07, kind="leak")
    error = enumeration.learning_error(denoiser, language, 4, FixedSizes([1, 1, 2]))
    assert error.leak.value == pytest.approx(3 * 0.07, abs=1e-12)
    assert error.leak.method == "exact"


@pytest.mark.parametrize("kind", ["leak", "tilt"])
def test_leak_is_the_enumerated_one_and_within_the_learning_error(kind):
    language = random_ngram(2, 3, seed=1, prune_below=0.2)
    denoiser = PerturbedOracle(language, 0.05, kind=kind)
    weights = [0.25, 0.5, 0.25]
    exact = enumeration.learning_error(denoiser, language, 5, Bernoulli(weights))
    assert exact.leak.value <= exact.path_kl.value + 1e-12
    estimate = estimate_learning_error(
        denoiser, language, 5, torch.tensor(weights, dtype=torch.float64), num_sequences=4000, generator=seeded(2)
    )
    close(estimate.leak, exact.leak.value)
    if kind == "tilt":
        assert exact.leak.value == pytest.approx(0, abs=1e-12)
    else:
        assert exact.leak.value > 0.01


def test_first_order_sequence_error_from_the_leak():
    """1 − SER ≈ (1 − SER_0) e^(−leak): off by less than a tenth of the change, for a small leak."""
    language = random_ngram(2, 3, seed=1, prune_below=0.2)
    scheme = Bernoulli([0.25] * 4)
    denoiser = PerturbedOracle(language, 0.01, kind="leak")
    leak = enumeration.learning_error(denoiser, language, 5, scheme).leak.value
    exact, learned = (
        enumeration.law(one, 5, scheme).sequence_error_rate(language).value for one in (Oracle(language), denoiser)
    )
    predicted = 1 - (1 - exact) * math.exp(-leak)
    assert abs(predicted - learned) < 0.1 * (learned - exact)


@pytest.mark.gpu
def test_on_a_gpu():
    language = random_ngram(2, 5, seed=2).to("cuda")
    tokens = language.sample(64, 9, generator=torch.Generator(device="cuda").manual_seed(0))
    curve = network_information_curve(Oracle(language), tokens)
    errors = learning_error_curve(Oracle(language), language, tokens)
    assert curve.losses.shape == errors.samples.shape == (64, 33)
    assert abs(errors.samples).max() < 1e-9
    plan = plans.random_order(64, 9).to("cuda")
    torch.testing.assert_close(path_log_prob(Oracle(language), tokens, plan), language.log_prob(tokens))
