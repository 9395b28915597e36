"""Kernels: their steps against sums over the joint law of noise, their identities, and what they keep."""

from __future__ import annotations

import dataclasses
import itertools
import math

import pytest
import torch
from reference.families import all_kernels, families

from languages import NGramLanguage, random_hmm, random_ngram
from mdmtheory.denoisers import Oracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.diffusion.schedules import Cosine, Geometric, Linear, Polynomial
from mdmtheory.exact import enumeration
from mdmtheory.samplers import sample
from mdmtheory.samplers.kernels import (
    Ancestral,
    Euler,
    ForwardBackward,
    Kernel,
    LeaveOneOut,
    Overshoot,
    PredictorCorrector,
    ReMDMCap,
    ReMDMConfidence,
    ReMDMLoop,
    ReMDMRescale,
    Renoising,
    RenoisingCorrector,
    Tweedie,
)
from mdmtheory.samplers.run.compatibility import exact_denoiser
from mdmtheory.samplers.schemes import Bernoulli

V, L = 3, 3
MASKS, NOISE = Absorbing(V), Uniform(V)
CHAIN = random_ngram(2, V, seed=0, prune_below=0.2)
HIDDEN = random_hmm(3, V, seed=2, prune_below=0.3)
WORDS = list(itertools.product(range(V), repeat=L))


def noise(state, word, alpha, absorbing):
    """q(x_t = state | x_0 = word) of one token, from the definition."""
    if absorbing:
        return alpha * (state == word) + (1 - alpha) * (state == V)
    return alpha * (state == word) + (1 - alpha) / V


def forwards(state, later, keep, absorbing):
    """Transition of one token from time s to the later t."""
    return keep * (state == later) + (1 - keep) * ((later == V) if absorbing else 1 / V)


def step_by_sums(language, x, before, after, absorbing):
    """(L, n) p(x_s^i | x_t) = Σ over all words, all states of the position: no formula of a posterior is used."""
    probs = language.log_prob(torch.tensor(WORDS)).exp().tolist()
    n = V + absorbing
    law = torch.zeros(L, n, dtype=torch.float64)
    for word, chance in zip(WORDS, probs, strict=True):
        for i, y in itertools.product(range(L), range(n)):
            others = math.prod(noise(x[j], word[j], before, absorbing) for j in range(L) if j != i)
            own = noise(y, word[i], after, absorbing) * forwards(y, x[i], before / after, absorbing)
            law[i, y] += chance * others * own
    return law / law.sum(1, keepdim=True)


def one_step(kernel, denoiser, states, time_from, time_to):
    t, s = (torch.full((len(states),), value, dtype=torch.float64) for value in (time_from, time_to))
    log_probs = denoiser(states, 1 - kernel.alpha(t))
    return kernel.step_probs(kernel.step(states, t, s), log_probs)


@pytest.mark.parametrize("kind", [Ancestral, Tweedie, LeaveOneOut])
@pytest.mark.parametrize("language", [CHAIN, HIDDEN], ids=["chain", "hmm"])
@pytest.mark.parametrize("process", [MASKS, NOISE], ids=repr)
def test_posterior_steps_are_exact_for_single_positions(kind, language, process):
    absorbing = process == MASKS
    kernel = kind(process, 4, schedule=Cosine())
    one_out = kind is LeaveOneOut and not absorbing
    denoiser = Oracle(language) if absorbing else UniformOracle(language, leave_one_out=one_out)
    before, after = (float(kernel.alpha(torch.tensor(t, dtype=torch.float64))) for t in (0.6, 0.3))
    states = (
        torch.tensor([[0, 1, 2], [2, 2, 0], [1, 1, 1]])
        if not absorbing
        else torch.tensor([[3, 1, 3], [3, 3, 3], [2, 3, 3]])
    )
    law = one_step(kernel, denoiser, states, 0.6, 0.3)
    for state, found in zip(states.tolist(), law, strict=True):
        possible = absorbing is False or float(language.log_marginal(torch.tensor([state]))) > -math.inf
        assert possible
        torch.testing.assert_close(found, step_by_sums(language, state, before, after, absorbing), rtol=0, atol=1e-12)


def test_the_plug_in_bridge_counts_its_own_token_twice():
    """With an ordinary denoiser the leave-one-out step is biased, however many steps; with the right one it is not."""
    exact, wrong = UniformOracle(CHAIN, leave_one_out=True), UniformOracle(CHAIN)
    right = [enumeration.law(exact, L, LeaveOneOut(NOISE, n)).kl(CHAIN).value for n in (4, 32)]
    biased = [enumeration.law(wrong, L, LeaveOneOut(NOISE, n)).kl(CHAIN).value for n in (4, 32)]
    assert right[1] < 0.2 * right[0]
    assert biased[1] > 0.5 * biased[0]
    assert biased[1] > 5 * right[1]


def test_euler_by_hand():
    """Rates σ'(t) ν(x) p_t(y)/p_t(x), from the marginal law of noisy sequences."""
    kernel = Euler(NOISE, 4, schedule=Polynomial(2.0))
    time, dt = 0.5, 0.02
    alpha, rate = 1 - time**2, 2 * time / (1 - time**2)
    probs = CHAIN.log_prob(torch.tensor(WORDS)).exp().tolist()

    def p(x):
        return sum(
            c * math.prod(noise(a, b, alpha, False) for a, b in zip(x, w, strict=True))
            for w, c in zip(WORDS, probs, strict=True)
        )

    for x in [(0, 1, 2), (2, 2, 2)]:
        law = one_step(kernel, UniformOracle(CHAIN), torch.tensor([x]), time, time - dt)[0]
        for i, y in itertools.product(range(L), range(V)):
            if y != x[i]:
                replaced = (*x[:i], y, *x[i + 1 :])
                assert float(law[i, y]) == pytest.approx(dt * rate / V * p(replaced) / p(x), rel=1e-10)
        torch.testing.assert_close(law.sum(-1), torch.ones(L, dtype=torch.float64))


def test_euler_converges_and_leaves_no_holes():
    values = [
        enumeration.law(Oracle(CHAIN), L, Euler(MASKS, n, schedule=Cosine())).kl(CHAIN).value for n in (4, 16, 64)
    ]
    assert values[2] < 0.4 * values[1] < 0.2 * values[0]
    uniform = [enumeration.law(UniformOracle(CHAIN), L, Euler(NOISE, n)).kl(CHAIN).value for n in (4, 16, 64)]
    assert uniform[2] < 0.4 * uniform[1] < 0.2 * uniform[0]


def test_euler_never_leaves_the_simplex():
    law = one_step(Euler(NOISE, 2), UniformOracle(CHAIN), torch.tensor([[0, 0, 1], [2, 1, 0]]), 0.95, 0.05)
    assert bool((law >= 0).all())
    torch.testing.assert_close(law.sum(-1), torch.ones(2, L, dtype=torch.float64))
    start = one_step(Euler(NOISE, 2), UniformOracle(CHAIN), torch.tensor([[0, 0, 1]]), 1.0, 0.5)  # infinite rates
    torch.testing.assert_close(start[0, 0], torch.tensor([0.0, 0.5, 0.5], dtype=torch.float64))


@pytest.mark.parametrize("schedule", [Linear(), Cosine(), Geometric()], ids=repr)
def test_ancestral_masks_are_bernoulli_reveals(schedule):
    law = enumeration.law(Oracle(CHAIN), 4, Ancestral(MASKS, 5, schedule=schedule))
    plan = enumeration.law(Oracle(CHAIN), 4, Bernoulli(schedule.reveal_probabilities(5)))
    torch.testing.assert_close(law.probs, plan.probs, rtol=0, atol=1e-13)


@pytest.mark.parametrize("kernel", all_kernels(V, uniform=False), ids=repr)
def test_leaving_agrees_with_the_step(kernel):
    """Executor and enumerator see two faces of a kernel: the probability to change, and the law of a step."""
    states = torch.tensor(list(itertools.product(range(V + 1), repeat=2)))
    log_probs = Oracle(CHAIN.parent)(states)
    grid = kernel.times
    for time_from, time_to in itertools.pairwise(grid.tolist()):
        t, s = (torch.full((len(states),), value, dtype=torch.float64) for value in (time_from, time_to))
        confidence = torch.linspace(0.1, 1, states.numel(), dtype=torch.float64).view(states.shape)
        step = kernel.step(states, t, s, confidence if kernel.remembers else None)
        law, leave = kernel.step_probs(step, log_probs), kernel.leave_probs(step)
        torch.testing.assert_close(1 - law.gather(-1, states[..., None])[..., 0], leave, rtol=0, atol=1e-12)
        hole = states == V
        torch.testing.assert_close(law[..., :V][hole], (leave[..., None] * log_probs.exp())[hole], rtol=0, atol=1e-12)
        torch.testing.assert_close(law[..., V][~hole], leave[~hole], rtol=0, atol=1e-12)


@pytest.mark.parametrize("kappa", [0.0, 0.4, 1.0])
def test_renoising_is_remasking(kappa):
    """Under absorbing noise κ-mixing erases with (1 − κ)(1 − α_s), and overshooting with 1 − α_s/α_r."""
    states = torch.tensor([[3, 1, 3], [0, 1, 3]])
    log_probs = Oracle(CHAIN.parent)(states)
    t, s = (torch.full((2,), value, dtype=torch.float64) for value in (0.6, 0.4))
    for kernel, sigma in [
        (Renoising(MASKS, 5, kappa), (1 - kappa) * 0.4),
        (Overshoot(MASKS, 5, 1 - kappa), 1 - 0.6 / (0.6 + 0.2 * (1 - kappa))),
    ]:
        law = kernel.step_probs(kernel.step(states, t, s), log_probs)
        cap = ReMDMCap(MASKS, 5, sigma)
        other = cap.step_probs(cap.step(states, t, s), log_probs)
        torch.testing.assert_close(law, other, rtol=0, atol=1e-14)


def test_overshooting_is_a_step_and_noise():
    """Under uniform noise: the posterior step to r, then the transition from r to s, composed by hand."""
    kernel = Overshoot(NOISE, 5, 0.5)
    states = torch.tensor([[0, 1, 2]])
    law = one_step(kernel, UniformOracle(CHAIN), states, 0.8, 0.6)[0]
    reached = step_by_sums(CHAIN, [0, 1, 2], 0.2, 0.5, False)
    keep = 0.4 / 0.5
    torch.testing.assert_close(law, keep * reached + (1 - keep) / V, rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    "kernel",
    [
        *all_kernels(V, having="for one hidden position"),
        *(RenoisingCorrector(process, 3, 0.5, correctors=2) for process in (MASKS, NOISE)),
    ],
    ids=repr,
)
def test_one_hole_is_filled_exactly(kernel):
    """All samplers that keep the law of single positions are exact for one hole, at every N."""
    denoiser = exact_denoiser(HIDDEN, kernel)
    prompts = torch.tensor([[a, b, V, c] for a, b, c in WORDS])
    prompts = prompts[~HIDDEN.log_marginal(prompts).isneginf()]
    open_ended = torch.special.entr(HIDDEN.posterior(prompts)[:, 2].exp()).sum(-1)
    assert float(open_ended.max()) > 0.3
    law = enumeration.law(denoiser, 4, kernel, prompt=prompts[open_ended.argmax()])
    assert law.total_variation(HIDDEN).value < 1e-12


@pytest.mark.parametrize("kernel", all_kernels(V, having="as N → ∞"), ids=repr)
def test_more_steps_are_better(kernel):
    denoiser = exact_denoiser(CHAIN, kernel)
    kls = [enumeration.law(denoiser, L, dataclasses.replace(kernel, steps=n)).kl(CHAIN).value for n in (3, 24)]
    assert 0 < kls[1] < 0.5 * kls[0]


def test_sigma_and_levels_by_hand():
    """Numbers worked out on paper: α_t = 0.4, α_s = 0.6, σ_max = 1 (0.4/0.4); α_t = 0.6, α_s = 0.8, σ_max = 1/3."""
    tokens = torch.tensor([[3, 0]])
    for kernel, times, expected in [
        (ReMDMCap(MASKS, 5, 0.1), (0.6, 0.4), [(0.6 - 0.9 * 0.4) / 0.6, 0.1]),
        (ReMDMCap(MASKS, 5, 0.5), (0.4, 0.2), [(0.8 - (2 / 3) * 0.6) / 0.4, 1 / 3]),
        (ReMDMRescale(MASKS, 5, 0.5), (0.4, 0.2), [(0.8 - (5 / 6) * 0.6) / 0.4, 1 / 6]),
        (ReMDMLoop(MASKS, 5, on=0.5, off=0.25, level=0.8, eta=0.1), (0.4, 0.3), [0.1 * 0.8 / 0.2, 0.1]),
        (ReMDMLoop(MASKS, 5, on=0.5, off=0.25, level=0.8), (0.9, 0.7), [(0.48 - 0.16) / 0.84, 0.0]),
        (ReMDMLoop(MASKS, 5, on=0.5, off=0.25, level=0.8), (0.2, 0.1), [(0.92 - 0.84) / 0.16, 0.0]),
        (RenoisingCorrector(MASKS, 5, 0.7), (0.4, 0.4), [0.3 * 0.6, 0.3 * 0.4]),
        (RenoisingCorrector(MASKS, 5, 0.7), (0.4, 0.2), [0.5, 0.0]),
    ]:
        t, s = (torch.tensor([time], dtype=torch.float64) for time in times)
        assert kernel.leave_probs(kernel.step(tokens, t, s))[0].tolist() == pytest.approx(expected, abs=1e-12), kernel


def test_published_rates():
    """The steps of ReMDM's diffusion.py (commit f830d65), its variables and all, with linear noise.

    Its last step, to a time of 1e−5 and then an argmax, is left out; ours goes to time 0.
    """
    tokens, steps = torch.tensor([[3, 0]]), 8

    def found(kernel, t, s):
        t, s = (torch.tensor([time], dtype=torch.float64) for time in (t, s))
        return kernel.leave_probs(kernel.step(tokens, t, s))[0].tolist()

    for k in range(steps - 1):
        t, s = 1 - k / steps, 1 - (k + 1) / steps
        alpha_t, alpha_s = 1 - t, 1 - s
        sigma = (alpha_s - alpha_t) / alpha_t if alpha_t > 0 else 1
        expected = [(alpha_s - (1 - sigma) * alpha_t) / (1 - alpha_t), sigma]
        assert found(ForwardBackward(MASKS, steps), t, s) == pytest.approx(expected, abs=1e-12)
        on, off, alpha_on, eta = 0.55, 0.05, 0.9, 0.02
        if on >= s > off and t <= on:
            expected = [(alpha_on - (1 - eta) * alpha_on) / (1 - alpha_on), eta]
            assert found(ReMDMLoop(MASKS, steps), t, s) == pytest.approx(expected, abs=1e-12)
    timestep, grid = 1.0, []
    while timestep > 1 / steps:
        at = 10 * timestep**0.25 * (1 - timestep) ** 0.25 + 1
        bt = at - 1
        dt = 1 / steps if timestep == 1 else min(1 / steps, 1 / (at / timestep + bt / (1 - timestep)))
        alpha_t, alpha_s = 1 - timestep, 1 - (timestep - dt)
        erased = 0.0 if timestep == 1 else bt * (alpha_s / alpha_t - 1)
        expected = [at * (alpha_s - alpha_t) / (1 - alpha_t), erased]
        assert found(PredictorCorrector(MASKS, steps), timestep, timestep - dt) == pytest.approx(expected, abs=1e-12)
        grid.append(timestep)
        timestep -= dt
    assert PredictorCorrector(MASKS, steps).times.tolist() == pytest.approx([*grid, timestep, 0.0])
    assert len(grid) > 2 * steps
    assert PredictorCorrector(MASKS, 4, scale=0.0).times.tolist() == pytest.approx([1, 0.75, 0.5, 0.25, 0])


def test_confidence_erases_the_doubtful():
    kernel = ReMDMConfidence(MASKS, 5)
    t, s = (torch.tensor([time], dtype=torch.float64) for time in (0.4, 0.2))
    confidence = torch.tensor([[0.9, 0.2, 0.5, math.inf]], dtype=torch.float64)
    leave = kernel.leave_probs(kernel.step(torch.tensor([[0, 1, V, 2]]), t, s, confidence))[0].tolist()
    weights = [math.exp(-0.9), math.exp(-0.2)]
    assert leave[:2] == pytest.approx([w / sum(weights) / 3 for w in weights])
    assert leave[2] == pytest.approx(0.5)
    assert leave[3] == 0
    with pytest.raises(ValueError, match="confidence"):
        kernel.leave_probs(kernel.step(torch.tensor([[0, 1]]), t, s))


def test_grids():
    assert Ancestral(MASKS, 4).times.tolist() == pytest.approx([1, 0.75, 0.5, 0.25, 0])
    assert Ancestral(MASKS, 2, end=0.2).times.tolist() == pytest.approx([1, 0.6, 0.2, 0])
    assert Ancestral(MASKS, 2, start=0.5).times.tolist() == pytest.approx([0.5, 0.25, 0])
    assert RenoisingCorrector(MASKS, 2, correctors=2).times.tolist() == pytest.approx([1, 0.5, 0.5, 0.5, 0])


def test_argmax_finish():
    """The last answer is made greedy: with one step the most likely token everywhere."""
    for denoiser, process in ((Oracle(CHAIN), MASKS), (UniformOracle(CHAIN), NOISE)):
        law = enumeration.law(denoiser, L, Ancestral(process, 1, finish="argmax")).probs
        best = CHAIN.marginals(L).argmax(-1)
        assert float(law[(best * V ** torch.arange(L - 1, -1, -1)).sum()]) == pytest.approx(1)


def test_every_kernel_says_what_it_is():
    for family in families("kernel"):
        assert family.properties.source
        assert family.properties.literature
    assert repr(Ancestral(MASKS, 4)) == "Ancestral(Absorbing(3), 4)"
    assert repr(ReMDMCap(MASKS, 4, 0.1, end=0.1)) == "ReMDMCap(Absorbing(3), 4, end=0.1, cap=0.1)"


class Forgetful(Kernel):
    """Never fills a hole."""

    properties = Ancestral.properties

    def step_probs(self, step, log_probs):
        return torch.nn.functional.one_hot(step.tokens, V + 1).double()


@pytest.mark.parametrize(
    ("call", "culprit"),
    [
        (lambda: Ancestral("absorbing", 3), "process"),
        (lambda: Ancestral(MASKS, 0), "steps"),
        (lambda: Ancestral(MASKS, 3, end=1.0), "end"),
        (lambda: Ancestral(MASKS, 3, start=0.1, end=0.2), "end"),
        (lambda: Ancestral(MASKS, 3, finish="guess"), "finish"),
        (lambda: ReMDMCap(NOISE, 3), "nothing to remask"),
        (lambda: ReMDMCap(MASKS, 3, 1.5), "cap"),
        (lambda: ReMDMRescale(MASKS, 3, -0.1), "scale"),
        (lambda: ReMDMLoop(MASKS, 3, on=0.1, off=0.2), "on and off"),
        (lambda: ReMDMLoop(MASKS, 3, schedule=Cosine()), "schedule"),
        (lambda: ReMDMLoop(MASKS, 3, eta=0.2), "eta"),
        (lambda: PredictorCorrector(MASKS, 3, schedule=Cosine()), "schedule"),
        (lambda: PredictorCorrector(MASKS, 3, scale=-1.0), "scale"),
        (lambda: ForwardBackward(NOISE, 3), "nothing to remask"),
        (lambda: Renoising(MASKS, 3, 2.0), "kappa"),
        (lambda: RenoisingCorrector(MASKS, 3, correctors=0), "correctors"),
        (lambda: Overshoot(MASKS, 3, -1.0), "overshoot"),
        (lambda: enumeration.law(Oracle(CHAIN), L, Ancestral(Absorbing(5), 3)), "writes 3 tokens"),
        (lambda: enumeration.law(Oracle(CHAIN), L, Forgetful(MASKS, 3)), "leaves holes"),
        (lambda: sample(Oracle(CHAIN), Forgetful(MASKS, 3), batch=2, length=2), "leaves holes"),
        (lambda: sample(Oracle(CHAIN), Ancestral(NOISE, 3), batch=2, length=2), "read noisy tokens"),
        (lambda: enumeration.law(UniformOracle(CHAIN), L, Ancestral(MASKS, 3)), "take tokens as clean"),
        (lambda: sample(UniformOracle(CHAIN), Bernoulli([1.0]), batch=2, length=2), "take tokens as clean"),
        (lambda: enumeration.law(UniformOracle(CHAIN, leave_one_out=True), L, Euler(NOISE, 3)), "is for LeaveOneOut"),
        (lambda: enumeration.law(Oracle(CHAIN), 9, Ancestral(MASKS, 3)), "lengths up to 7"),
        (lambda: enumeration.law(Oracle(NGramLanguage([0.5, 0.5])), 2, 3), "sampler"),
    ],
)
def test_bad_input(call, culprit):
    with pytest.raises(ValueError, match=culprit):
        call()
