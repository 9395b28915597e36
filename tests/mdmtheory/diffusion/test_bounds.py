"""Losses by exact integration: minima, gradients there, and the equalities and inequalities of the theory."""

from __future__ import annotations

import functools
import itertools
import math

import numpy as np
import pytest
import torch
from reference.exact_losses import Model, average, expected, is_counted, law_of_times, path_kl_of_steps
from reference.noise import NoisyLanguage, random_table
from torch import Tensor

from mdmtheory.diffusion import (
    Absorbing,
    AnyOrder,
    ConstantRate,
    Cosine,
    CosinePower,
    DenoisingScoreEntropy,
    DiffusionLoss,
    DiscreteTime,
    Geometric,
    Linear,
    Polynomial,
    Subs,
    Uniform,
    score_entropy,
)
from mdmtheory.diffusion.losses import TimeSampling
from mdmtheory.diffusion.parametrisations import log_score

VOCAB = 2
LENGTH = 3
PROCESSES = {"absorbing": Absorbing(VOCAB), "uniform": Uniform(VOCAB)}


def language(kind: str, *, length: int = LENGTH, zeros: float = 0.0) -> NoisyLanguage:
    return NoisyLanguage(random_table(VOCAB, length, 3, zeros), kind)


def exact(of: NoisyLanguage, output: str) -> Model:
    """The truth: log-posteriors or log-scores."""

    def model(alpha: float) -> Tensor:
        table = of.posterior(alpha) if output == "log-posterior" else of.scores(alpha)[..., :VOCAB]
        return torch.from_numpy(table).log()

    return model


def noise_like(of: NoisyLanguage, seed: int) -> Tensor:
    """A fixed normal number for every state, position and token."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(len(of.noisy), of.length, VOCAB, dtype=torch.float64, generator=generator)


def wrong(of: NoisyLanguage, *, seed: int = 0, time_free: bool = False) -> Model:
    """Log-posteriors that are no posterior: the exact ones of one or every α, with a fixed error per state."""
    error = noise_like(of, seed)

    def model(alpha: float) -> Tensor:
        posterior = torch.from_numpy(of.posterior(0.5 if time_free else alpha)).log()
        return (posterior + error * (1 if time_free else alpha * (1 - alpha))).log_softmax(-1)

    return model


def as_scores(model: Model, of: NoisyLanguage) -> Model:
    noisy, process = torch.from_numpy(of.noisy), PROCESSES[of.kind]
    return lambda alpha: log_score(model(alpha), noisy, alpha, process, "posterior")


TIGHT: list[tuple[str, DiffusionLoss]] = [
    ("absorbing", Subs(VOCAB)),
    ("absorbing", Subs(VOCAB, Geometric())),
    ("absorbing", Subs(VOCAB, Cosine())),
    ("absorbing", AnyOrder(VOCAB, masking="bernoulli")),
    ("absorbing", AnyOrder(VOCAB, masking="bernoulli", skew=2.0)),
    ("absorbing", AnyOrder(VOCAB)),
    ("absorbing", AnyOrder(VOCAB, skew=2.5)),
    ("absorbing", DenoisingScoreEntropy(Absorbing(VOCAB))),
    ("absorbing", DenoisingScoreEntropy(Absorbing(VOCAB), Polynomial(3.0))),
    ("uniform", DenoisingScoreEntropy(Uniform(VOCAB))),
    ("uniform", DenoisingScoreEntropy(Uniform(VOCAB), Geometric())),
    ("uniform", DenoisingScoreEntropy(Uniform(VOCAB), CosinePower(2.0))),
    ("uniform", DenoisingScoreEntropy(Uniform(VOCAB), ConstantRate(8.0))),
]
LOOSE: list[tuple[str, DiffusionLoss]] = [
    ("absorbing", Subs(VOCAB, num_steps=3)),
    ("absorbing", DiscreteTime(Absorbing(VOCAB), 3, Cosine())),
    ("uniform", DiscreteTime(Uniform(VOCAB), 3)),
    ("uniform", DiscreteTime(Uniform(VOCAB), 2, Polynomial(2.0))),
]
IDS = [f"{kind}-{type(loss).__name__}-{i}" for i, (kind, loss) in enumerate(TIGHT + LOOSE)]


def minimum(kind: str, loss: DiffusionLoss, of: NoisyLanguage) -> float:
    """What the loss says that its least value is."""
    if loss.minimum == "entropy":
        return of.entropy
    times, _ = law_of_times(loss, LENGTH)
    alphas = loss.schedule.alpha(torch.tensor([0.0, *times], dtype=torch.float64)).tolist()[::-1]  # type: ignore[attr-defined]
    return of.entropy + path_kl_of_steps(of, alphas)


@pytest.mark.parametrize(("kind", "loss"), TIGHT + LOOSE, ids=IDS)
@pytest.mark.parametrize("zeros", [0.0, 0.4])
def test_the_truth_attains_the_minimum(kind: str, loss: DiffusionLoss, zeros: float) -> None:
    of = language(kind, zeros=zeros)
    assert (of.probs == 0).any() == (zeros > 0)
    assert float(average(loss, exact(of, loss.output), of)) == pytest.approx(minimum(kind, loss, of), abs=1e-8)


@pytest.mark.parametrize(("kind", "loss"), LOOSE)
def test_independent_steps_cost_something(kind: str, loss: DiffusionLoss) -> None:
    of = language(kind)
    assert minimum(kind, loss, of) > of.entropy + 0.01


@pytest.mark.parametrize(("kind", "loss"), TIGHT + LOOSE, ids=IDS)
def test_the_truth_is_a_stationary_point_and_errors_cost(kind: str, loss: DiffusionLoss) -> None:
    of = language(kind)
    truth = exact(of, loss.output)
    errors: dict[float, Tensor] = {}

    def model(alpha: float) -> Tensor:
        errors[alpha] = torch.zeros(len(of.noisy), of.length, VOCAB, dtype=torch.float64, requires_grad=True)
        moved = truth(alpha) + errors[alpha]
        return moved.log_softmax(-1) if loss.output == "log-posterior" else moved

    average(loss, model, of).backward()
    assert errors
    # The gradient of the sum over a node's states, against the largest that a single state of probability one has.
    assert max(float(error.grad.abs().max()) for error in errors.values()) < 1e-10  # type: ignore[union-attr]

    shift = noise_like(of, 1)

    def mistaken(alpha: float) -> Tensor:
        moved = truth(alpha) + 0.3 * alpha * (1 - alpha) * shift
        return moved.log_softmax(-1) if loss.output == "log-posterior" else moved

    assert float(average(loss, mistaken, of)) > minimum(kind, loss, of) + (0 if is_counted(loss) else 1e-4)


def test_all_forms_of_the_masked_bound_are_one() -> None:
    of = language("absorbing")
    model = wrong(of, time_free=True)
    losses: list[DiffusionLoss] = [
        loss for kind, loss in TIGHT if kind == "absorbing" and loss.output == "log-posterior"
    ]
    bounds = [expected(loss, model, of) for loss in losses]
    for schedule in (Linear(), Geometric(), Polynomial(3.0)):
        bounds.append(expected(DenoisingScoreEntropy(Absorbing(VOCAB), schedule), as_scores(model, of), of))
    assert len(bounds) == 10
    reference = any_order(model(0.5), of)
    for bound in bounds:
        torch.testing.assert_close(bound, reference, rtol=1e-6, atol=1e-7)


def any_order(log_probs: Tensor, of: NoisyLanguage) -> Tensor:
    """(V^L,) mean over orders of Σ_k −log p(x_{o_k} | those before), from the definition."""
    total = torch.zeros(len(of.clean), dtype=torch.float64)
    orders = list(itertools.permutations(range(LENGTH)))
    for order, (row, clean) in itertools.product(orders, enumerate(of.clean)):
        state = np.full(LENGTH, VOCAB)
        for i in order:
            at = int(np.ravel_multi_index(state.tolist(), (VOCAB + 1,) * LENGTH))
            total[row] -= log_probs[at, i, clean[i]] / len(orders)
            state[i] = clean[i]
    return total


def test_score_entropy_of_a_posterior_is_cross_entropy_draw_by_draw() -> None:
    of = language("absorbing")
    noisy, model = torch.from_numpy(of.noisy), wrong(of)
    for schedule, t in itertools.product((Linear(), Geometric()), (0.1, 0.9)):
        time = torch.full((len(noisy),), t, dtype=torch.float64)
        alpha = float(schedule.alpha(time[0]))
        for clean in torch.from_numpy(of.clean):
            tokens = clean.expand_as(noisy)
            one = Subs(VOCAB, schedule).value(model(alpha), tokens, noisy, time)
            two = DenoisingScoreEntropy(Absorbing(VOCAB), schedule).value(
                as_scores(model, of)(alpha), tokens, noisy, time
            )
            torch.testing.assert_close(two, one, rtol=1e-9, atol=1e-9)


def test_a_d3pm_step_that_masks_is_a_subs_step() -> None:
    of = language("absorbing")
    noisy, model = torch.from_numpy(of.noisy), wrong(of)
    for k in (1, 2, 5):
        time = torch.full((len(noisy),), k / 5, dtype=torch.float64)
        subs, d3pm = Subs(VOCAB, Cosine(), num_steps=5), DiscreteTime(Absorbing(VOCAB), 5, Cosine())
        output = model(float(subs.alpha(time[0])))
        for clean in torch.from_numpy(of.clean):
            possible = ((noisy == clean) | (noisy == VOCAB)).all(1)
            tokens = clean.expand_as(noisy)
            one, two = subs.value(output, tokens, noisy, time), d3pm.value(output, tokens, noisy, time)
            torch.testing.assert_close(two[possible], one[possible], rtol=1e-10, atol=1e-10)


def textbook_terms(score: float, ratio: float) -> float:
    return score - ratio * math.log(score) + ratio * (math.log(ratio) - 1)


@pytest.mark.parametrize("sigma", [1e-3, 0.7, 6.0])
def test_denoising_score_entropy_has_the_published_cases(sigma: float) -> None:
    vocab, r = 4, 1 / math.expm1(sigma)
    schedule = ConstantRate(20.0)
    time = torch.tensor([brentq_time(schedule, sigma)], dtype=torch.float64)
    rate = float(schedule.noise_rate(time)[0])
    log_s = torch.randn(1, 1, vocab, dtype=torch.float64, generator=torch.Generator().manual_seed(2))
    s = log_s.exp()[0, 0].tolist()

    absorb = DenoisingScoreEntropy(Absorbing(vocab), schedule)
    masked = absorb.value(log_s, torch.tensor([[2]]), torch.tensor([[vocab]]), time)
    assert float(masked[0]) == pytest.approx(rate * (sum(s) - r * math.log(s[2]) + r * (math.log(r) - 1)), rel=1e-9)
    assert float(absorb.value(log_s, torch.tensor([[2]]), torch.tensor([[2]]), time)[0]) == 0

    uniform = DenoisingScoreEntropy(Uniform(vocab), schedule)
    small = math.expm1(sigma) / (math.expm1(sigma) + vocab)
    stayed = sum(textbook_terms(s[y], small) for y in range(vocab) if y != 2)
    moved = sum(textbook_terms(s[y], 1 / small if y == 2 else 1.0) for y in range(vocab) if y != 1)
    for noisy, terms in ((2, stayed), (1, moved)):
        value = uniform.value(log_s, torch.tensor([[2]]), torch.tensor([[noisy]]), time)
        assert float(value[0]) == pytest.approx(rate / vocab * terms, rel=1e-9)


def brentq_time(schedule: ConstantRate, sigma: float) -> float:
    from scipy.optimize import brentq

    return brentq(lambda t: float(schedule.total_noise(torch.tensor(t, dtype=torch.float64))) - sigma, 1e-9, 1 - 1e-9)


@pytest.mark.parametrize("kind", list(PROCESSES))
def test_denoising_score_entropy_is_entropy_plus_score_entropy(kind: str) -> None:
    of, process = language(kind), PROCESSES[kind]
    schedule = Polynomial(2.0)
    loss = DenoisingScoreEntropy(process, schedule)
    truth = exact(of, "log-score")
    shift = noise_like(of, 1)

    def mistaken(alpha: float) -> Tensor:  # scores of no posterior at all
        return truth(alpha) + alpha * (1 - alpha) * shift

    noisy, excess = torch.from_numpy(of.noisy), 0.0
    for time, weight in zip(*law_of_times(loss, LENGTH), strict=True):
        t = torch.full((len(noisy),), time, dtype=torch.float64)
        alpha = float(schedule.alpha(t[0]))
        values = score_entropy(process, mistaken(alpha), truth(alpha), noisy, schedule.noise_rate(t))
        assert (values >= 0).all()
        torch.testing.assert_close(
            score_entropy(process, truth(alpha), truth(alpha), noisy, schedule.noise_rate(t)), torch.zeros_like(values)
        )
        excess += weight * float(torch.from_numpy(of.law(alpha)) @ values)
    assert excess > 0.01
    assert float(average(loss, mistaken, of)) == pytest.approx(of.entropy + excess, abs=1e-6)


@pytest.mark.parametrize("kind", list(PROCESSES))
@pytest.mark.parametrize("is_exact", [True, False])
def test_discrete_time_falls_to_continuous_time_as_one_over_steps(kind: str, is_exact: bool) -> None:
    of, process = language(kind), PROCESSES[kind]
    model = exact(of, "log-posterior") if is_exact else wrong(of)
    steps = [1, 2, 4, 8, 16, 32, 64]
    bounds = [float(average(DiscreteTime(process, n), model, of)) for n in steps]
    limit = float(average(DenoisingScoreEntropy(process), as_scores(model, of), of))
    gaps = [bound - limit for bound in bounds]
    if is_exact:
        assert limit == pytest.approx(of.entropy, abs=1e-8)
        assert all(a > b > 0 for a, b in itertools.pairwise(gaps))
    assert gaps[-1] != 0
    assert gaps[-2] / gaps[-1] == pytest.approx(2, rel=0.1)
    assert abs(64 * gaps[-1]) < 2


def n_step_law(loss: DiscreteTime, model: Model, of: NoisyLanguage) -> Tensor:
    """(V^L,) what N independent reverse steps write, by enumeration from pure noise."""
    noisy = torch.from_numpy(of.noisy)
    law = torch.from_numpy(of.law(0.0))
    times = torch.arange(loss.num_steps, -1, -1, dtype=torch.float64) / loss.num_steps
    for before, after in itertools.pairwise(loss.schedule.alpha(times).tolist()):
        step = loss.process.posterior(noisy, model(before).exp(), before, after)
        joint = law[:, None] * torch.ones(len(noisy), len(noisy), dtype=torch.float64)
        for i in range(of.length):
            joint = joint * step[:, i][:, noisy[:, i]]
        law = joint.sum(0)
    return law[(noisy < of.vocab_size).all(1)]


@pytest.mark.parametrize("kind", list(PROCESSES))
@pytest.mark.parametrize("steps", [1, 2, 4])
def test_no_bound_of_n_steps_is_below_what_the_sampler_writes(kind: str, steps: int) -> None:
    of = language(kind)
    for model in (exact(of, "log-posterior"), wrong(of), wrong(of, seed=4, time_free=True)):
        loss = DiscreteTime(PROCESSES[kind], steps)
        written = n_step_law(loss, model, of)
        assert float(written.sum()) == pytest.approx(1)
        slack = expected(loss, model, of) + written.log()
        assert (slack > -1e-12).all()
        if steps == 1 and kind == "absorbing":  # one step from one state: the bound is the likelihood
            assert float(slack.abs().max()) < 1e-9
        elif steps > 1:
            assert float(slack.max()) > 1e-3


def continuous_law(process: Absorbing | Uniform, scores: Model, of: NoisyLanguage) -> Tensor:
    """(V^L,) law at time 0 of the reverse chain with given log-scores, from pure noise: products of exponentials.

    The clock is u = log α/(1 − α), in which σ' dt = (1 − α) du and every rate stays bounded.
    """
    noisy, law = torch.from_numpy(of.noisy), torch.from_numpy(of.law(0.0))
    places = torch.tensor([of.num_states**i for i in reversed(range(of.length))])
    grid = np.linspace(-16, 16, 601)
    for low, high in itertools.pairwise(grid):
        alpha = 1 / (1 + math.exp(-(low + high) / 2))
        table = scores(alpha).exp()
        if isinstance(process, Absorbing):
            table = torch.cat((table, torch.ones(*table.shape[:-1], 1, dtype=torch.float64)), -1)
        rates = process.reverse_rates(noisy, table, 1 - alpha)
        generator = torch.zeros(len(noisy), len(noisy), dtype=torch.float64)
        for i, y in itertools.product(range(of.length), range(of.num_states)):
            target = (noisy + (y - noisy[:, i])[:, None] * (torch.arange(of.length) == i)) @ places
            away = noisy[:, i] != y
            generator[torch.arange(len(noisy))[away], target[away]] += rates[away, i, y]
        generator -= torch.diag(generator.sum(1))
        law = law @ torch.linalg.matrix_exp(generator * (high - low))
    return law[(noisy < of.vocab_size).all(1)]


@pytest.mark.parametrize("kind", list(PROCESSES))
def test_no_bound_in_continuous_time_is_below_what_the_reverse_process_writes(kind: str) -> None:
    of, process = language(kind, length=2), PROCESSES[kind]
    loss = DenoisingScoreEntropy(process)
    truth = exact(of, "log-score")
    written = continuous_law(process, truth, of)
    torch.testing.assert_close(written, torch.from_numpy(of.probs), rtol=1e-4, atol=1e-6)
    shift = noise_like(of, 1)
    unnormalised: Model = lambda alpha: truth(alpha) + 2 * alpha * (1 - alpha) * shift  # noqa: E731
    for model in (as_scores(wrong(of), of), unnormalised):
        written = continuous_law(process, model, of)
        slack = expected(loss, model, of) + written.log()
        assert (slack > -1e-5).all()
        assert float(slack.max()) > 1e-3


def test_what_a_published_end_owes_is_the_prior_term() -> None:
    of, process = language("uniform"), Uniform(VOCAB)
    schedule = Linear(0.2)
    loss = DenoisingScoreEntropy(process, schedule)
    inside = float(average(loss, exact(of, "log-score"), of))
    owed = LENGTH * process.prior_kl(schedule.limits[1])
    end = of.law(0.2)
    missing = float(end @ np.log(end * len(end)))  # KL(q_1 ‖ pure noise): the reverse process starts from the wrong law
    assert inside < of.entropy - 0.001
    assert inside + owed == pytest.approx(of.entropy + missing, abs=1e-7)
    assert Absorbing(VOCAB).prior_kl(schedule.limits[1]) == math.inf


DRAWN: list[tuple[str, functools.partial]] = [
    ("absorbing", functools.partial(Subs, VOCAB, Polynomial(3.0))),
    ("absorbing", functools.partial(Subs, VOCAB, num_steps=4)),
    ("absorbing", functools.partial(AnyOrder, VOCAB, masking="bernoulli", skew=2.0)),
    ("absorbing", functools.partial(AnyOrder, VOCAB)),
    ("absorbing", functools.partial(AnyOrder, VOCAB, skew=2.0)),
    ("absorbing", functools.partial(DenoisingScoreEntropy, Absorbing(VOCAB), Polynomial(3.0))),
    ("absorbing", functools.partial(DiscreteTime, Absorbing(VOCAB), 4)),
    ("uniform", functools.partial(DenoisingScoreEntropy, Uniform(VOCAB), Polynomial(3.0))),
    ("uniform", functools.partial(DiscreteTime, Uniform(VOCAB), 4)),
]


@pytest.mark.parametrize(("kind", "make"), DRAWN, ids=[f"{k}-{make.func.__name__}" for k, make in DRAWN])
@pytest.mark.parametrize("sampling", ["stratified", "independent"])
def test_drawn_times_and_noise_are_unbiased(kind: str, make: functools.partial, sampling: TimeSampling) -> None:
    of, process, loss = language(kind), PROCESSES[kind], make(sampling=sampling)
    places = torch.tensor([of.num_states**i for i in reversed(range(LENGTH))])
    others = noise_like(of, 0).softmax(-1)  # laws given the other positions, the same at all times

    def network(noisy: Tensor, time: Tensor, at: Tensor) -> Tensor:
        answer = process.from_leave_one_out(noisy, others[noisy @ places], 1 - time).log()
        if loss.output == "log-score":
            answer = log_score(answer, noisy, 1 - time, process, "posterior")
        assert torch.equal(at, loss.positions(noisy))
        return answer[at]

    def model(alpha: float) -> Tensor:
        noisy = torch.from_numpy(of.noisy)
        time = torch.full((len(noisy),), 1 - alpha, dtype=torch.float64)
        answer = torch.zeros_like(others)
        at = loss.positions(noisy)
        answer[at] = network(noisy, time, at)
        return answer

    generator, row = torch.Generator().manual_seed(6), 5
    tokens = torch.from_numpy(of.clean)[row].expand(64, LENGTH)
    means = torch.stack([
        LENGTH * loss.estimate(network, tokens, generator=generator).mean() for _ in range(150)
    ])  # fmt: skip
    target = float(expected(loss, model, of)[row])
    spread = float(means.std()) / len(means) ** 0.5
    assert spread < 0.05 * target
    assert abs(float(means.mean()) - target) < 4 * spread  # false alarm 6e-5 each; the seed is fixed
