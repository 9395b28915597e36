"""Steps of kernels: which of them are the same, what they keep, and how fast they converge."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language, NGramLanguage, language_from
from languages.checks import check_count, check_fraction
from languages.information import information_curve
from mdmtheory.bounds.entry import ORDER_TOLERANCE, Comparison, Entry, Verdict, claimed, limiting, measured_order
from mdmtheory.bounds.sides import affordable, describe
from mdmtheory.denoisers import Denoiser, Oracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Process, Uniform
from mdmtheory.diffusion.schedules import Geometric
from mdmtheory.exact import enumeration
from mdmtheory.exact.enumeration.chains import Chain
from mdmtheory.samplers.draws.decoding import PLAIN
from mdmtheory.samplers.kernels import Ancestral, Kernel, LeaveOneOut, ReMDMRescale
from mdmtheory.samplers.kernels.euler import euler_law
from mdmtheory.samplers.kernels.remasking import step_from_leaving
from mdmtheory.samplers.kernels.tweedie import tweedie_law

ROUNDING = 1e-12
"""Largest difference of two probabilities that are the same."""


class LooUniform(Entry):
    """Samplers that may revise tokens converge as fast as masking; who is ahead depends on the grid."""

    id = "loo-uniform"
    statement = "leave-one-out steps under uniform noise: KL <= eps in O~(DTC/eps) steps, so KL is of order 1/N"
    citation = "2608.23554 (constants hidden there); its remasking schedule is not ours, comparisons derived here"
    trust = ("P", "D")
    kind = "rate"
    assumptions = (
        "n-gram or HMM, V >= 2; (V+1)^(2L) small enough to enumerate; steps N >= 2, at least two numbers of them"
    )

    def check(
        self, language: Language, length: int, *, steps: Sequence[int] = (8, 16, 32), scale: float = 0.5
    ) -> Verdict:
        """Order in 1/N of the exact marginal KL on the linear grid, beside that of remasking and of masking.

        Args:
            language: An n-gram or a hidden Markov model.
            length: L.
            steps: N, 2N, 4N, …
            scale: Of the remasking, σ = scale · σ_max.
        """
        _require_enumerable(self, language, length)
        self.require(min(steps, default=0) >= 2, f"N >= 2 is needed, got {tuple(steps)}")
        self.require(len(steps) >= 2, f"two numbers of steps show an order, got {tuple(steps)}")
        masks, noise = Absorbing(language.vocab_size), Uniform(language.vocab_size)
        one_out = UniformOracle(language, leave_one_out=True)

        def divergences(denoiser: Denoiser, kernels: Sequence[Kernel]) -> list[float]:
            return [enumeration.law(denoiser, length, kernel).kl(language).value for kernel in kernels]

        masking = divergences(Oracle(language), [Ancestral(masks, n) for n in steps])
        uniform = divergences(one_out, [LeaveOneOut(noise, n) for n in steps])
        remasking = divergences(Oracle(language), [ReMDMRescale(masks, n, scale=scale) for n in steps])
        least = claimed(1 - ORDER_TOLERANCE, unit="order", law="marginal")
        parts = []
        order, beside = (
            limiting(measured_order(values), unit="order", law="marginal") for values in (uniform, remasking)
        )
        parts.append(Comparison("order of the KL, leave-one-out", order, ">=", least))
        parts.append(Comparison("order of the KL, remasking", beside, "beside", least))
        # At time 1 uniform noise knows no position from another, so a grid from time 1 on wastes its first step.
        late = divergences(one_out, [LeaveOneOut(noise, 2, start=0.4)])
        rivals = divergences(Oracle(language), [Ancestral(masks, 2)])
        for what, of_noise, of_masks in zip(
            ["N=2 from time 0.4", *(f"N={n}" for n in steps)], late + uniform, rivals + masking, strict=True
        ):
            left, right = (Estimate.exact(kl, law="marginal", unit="nats") for kl in (of_noise, of_masks))
            parts.append(Comparison(f"KL at {what}, uniform noise against masking", left, "beside", right))
        dtc = information_curve(language, length).dual_total_correlation
        notes = [f"DTC {dtc:.4g} nats"]
        notes += [f"N={n}: KL of remasking {kl:.4g}" for n, kl in zip(steps, remasking, strict=True)]
        return self.verdict(describe(language, length, f"N={tuple(steps)}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        switch = 1 / 3  # 2/L
        yield {"language": NGramLanguage([[1 - switch, switch], [switch, 1 - switch]], name="chain p=2/L"), "length": 6}
        yield {"language": language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1"), "length": 4}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


class TweedieIsAncestral(Entry):
    """Three published steps of score-entropy diffusion are one under absorbing noise."""

    id = "tweedie-is-ancestral"
    statement = (
        "absorbing, exact score: Tweedie = ancestral; log-linear: = Euler, every eps; uniform: exact for one token"
    )
    citation = "derived here; the steps: SEDD, 2310.16834"
    trust = ("D",)
    kind = "identity"
    assumptions = "n-gram or HMM, V >= 2; (V+1)^(2L) small enough to enumerate; 0 < s < t <= 1, 0 <= eps < 1"

    def check(
        self,
        language: Language,
        length: int,
        *,
        time_from: float = 0.7,
        time_to: float = 0.4,
        epsilon: float = 1e-3,
    ) -> Verdict:
        """Largest difference of step laws over all sequences, one step from t to s.

        Args:
            language: An n-gram or a hidden Markov model.
            length: L.
            time_from: t.
            time_to: s.
            epsilon: ε of the log-linear noise, α(t) = 1 − (1 − ε)t.
        """
        _require_enumerable(self, language, length)
        self.require(0 < time_to < time_from <= 1, f"0 < s < t <= 1 is needed, got s = {time_to}, t = {time_from}")
        self.require(0 <= epsilon < 1, f"0 <= eps < 1 is needed, got {epsilon}")
        masks, noise = Absorbing(language.vocab_size), Uniform(language.vocab_size)
        linear = (1 - (1 - epsilon) * time_from, 1 - (1 - epsilon) * time_to)
        self.require(linear[0] > 0, "at alpha = 0 the score says nothing")
        drop = (1 - epsilon) * (time_from - time_to)
        schedule = Geometric()
        t = torch.tensor([time_from, time_to], dtype=torch.float64)
        curved = tuple(schedule.alpha(t).tolist())
        curved_drop = -float(schedule.dalpha(t[:1])) * (time_from - time_to)

        masked = _Steps(Oracle(language), masks, length)
        noisy = _Steps(UniformOracle(language), noise, length)
        ancestral = masked.ancestral(*linear)
        parts = [
            _same("Tweedie against ancestral, absorbing", masked.tweedie(*linear), ancestral),
            _same("Euler against ancestral, absorbing, log-linear", masked.euler(linear[0], drop), ancestral),
            _same("Tweedie against ancestral, uniform", noisy.tweedie(*linear), noisy.ancestral(*linear)),
        ]
        if curved[0] > 1e-12:
            apart = _largest(masked.euler(curved[0], curved_drop) - masked.ancestral(*curved))
            parts.append(Comparison("Euler apart from ancestral, absorbing, geometric", apart, ">", _nothing()))
        joint = noisy.joint_gap(language, *linear)
        if length == 1:
            parts.append(Comparison("uniform: one token, step against the reverse law", joint, "==", _nothing()))
        elif information_curve(language, length).total_correlation > 1e-6:
            parts.append(Comparison("uniform: more tokens, step apart from the reverse law", joint, ">", _nothing()))
        return self.verdict(describe(language, length, f"t={time_from:g}, s={time_to:g}, eps={epsilon:g}"), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram:vocab=3,seed=0,prune=0.2")
        for epsilon in (0.0, 1e-3, 0.3):
            yield {"language": chain, "length": 3, "epsilon": epsilon}
        yield {"language": chain, "length": 1}
        hidden = language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1")
        yield {"language": hidden, "length": 3, "time_from": 0.95, "time_to": 0.9}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


class RemdmMarginals(Entry):
    """Remasking keeps the law of every single position for one step, and for one step only."""

    id = "remdm-marginals"
    statement = "q_sigma keeps q(x_t|x_0) for sigma <= min(1, (1-alpha_s)/alpha_t); a sampler keeps marginals one step"
    citation = "2503.00307, eq. 5; one step only: derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "n-gram or HMM; (V+1)^(2L) small enough to enumerate; steps N >= 2; 0 <= scale <= 1"

    def check(self, language: Language, length: int, *, steps: int = 4, scale: float = 1.0) -> Verdict:
        """Laws of single positions, exactly: given x_0; after one step from the exact law; over a whole run.

        Args:
            language: An n-gram or a hidden Markov model.
            length: L.
            steps: N.
            scale: σ = scale · σ_max.
        """
        _require_enumerable(self, language, length)
        check_fraction("scale", scale)
        self.require(check_count("steps", steps) >= 2, "one step has nothing to remask")
        size = language.vocab_size
        kernel = ReMDMRescale(Absorbing(size), steps, scale=scale)
        chain = Chain(Oracle(language), kernel, torch.full((length,), size), PLAIN)
        conditioned, stepped, drift = 0.0, 0.0, 0.0
        mass = kernel.process.base()[chain.states].prod(1)
        for step in range(steps):
            time_from, time_to = kernel.times[step : step + 1], kernel.times[step + 1 : step + 2]
            before, after = float(kernel.alpha(time_from)), float(kernel.alpha(time_to))
            # Given x_0 = 0: a hole or the token, one step of q_σ from q(x_t | x_0).
            certain = torch.full((2, 1, size), -torch.inf, dtype=torch.float64)
            certain[..., 0] = 0.0
            places = torch.tensor([[0], [size]])
            leave = kernel.leave_probs(kernel.step(places, time_from.expand(2), time_to.expand(2)))
            law = (
                torch.tensor([before, 1 - before], dtype=torch.float64)
                @ step_from_leaving(certain, places, leave)[:, 0]
            )
            conditioned = max(conditioned, abs(float(law[0]) - after), abs(float(law[-1]) - 1 + after))
            exact, target = _noisy_law(language, chain.states, before), _noisy_law(language, chain.states, after)
            wanted = _positions(chain.states, target, size)
            once = _positions(chain.states, chain.step(exact, step), size)
            stepped = max(stepped, float((once - wanted).abs().max()))
            mass = chain.step(mass, step)
            drift = max(drift, float((_positions(chain.states, mass, size) - wanted).abs().max()))
        unit = "probability"
        parts = (
            Comparison("q(x_s|x_0) after a step", Estimate.exact(conditioned, unit=unit), "==", _nothing(), ROUNDING),
            Comparison("single positions, one step", Estimate.exact(stepped, unit=unit), "==", _nothing(), ROUNDING),
            Comparison("single positions over a run: drift", Estimate.exact(drift, unit=unit), "beside", _nothing()),
        )
        return self.verdict(
            describe(language, length, f"N={steps}, scale={scale:g}"), *parts, notes=[f"drift {drift:.3g}"]
        )

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram:vocab=3,seed=0,prune=0.2")
        for scale in (0.0, 0.5, 1.0):
            yield {"language": chain, "length": 3, "scale": scale}
        hidden = language_from("hmm:states=3,vocab=2,seed=1,prune=0.3,concentration=1")
        yield {"language": hidden, "length": 4, "steps": 3}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


class _Steps:
    """Step laws of all sequences of a process, (S, L, n)."""

    def __init__(self, denoiser: Denoiser, process: Process, length: int) -> None:
        self.denoiser, self.process = denoiser, process
        self.states = enumeration.sequences(process.num_states, length)

    def clean(self, alpha: float) -> Float[Tensor, "S L V"]:
        """p(x_0 | x_t)."""
        return self.denoiser(self.states, torch.full((len(self.states),), 1 - alpha, dtype=torch.float64)).exp()

    def ancestral(self, before: float, after: float) -> Float[Tensor, "S L n"]:
        return self.process.posterior(self.states, self.clean(before), before, after)

    def tweedie(self, before: float, after: float) -> Float[Tensor, "S L n"]:
        scores = self.process.scores(self.states, self.clean(before), before)
        return tweedie_law(self.process, self.states, scores, self._all(before), self._all(after))

    def euler(self, before: float, drop: float) -> Float[Tensor, "S L n"]:
        return euler_law(self.process, self.states, self.clean(before), self._all(before), self._all(drop))

    def joint_gap(self, language: Language, before: float, after: float) -> Estimate:
        """Largest |product step − exact p(x_s | x_t)| over all x_t that are possible, and all x_s."""
        step = self.ancestral(before, after)
        noisy = [_noisy_law(language, self.states, level, self.process) for level in (before, after)]
        keep = self.process.transition(before / after)
        gap = 0.0
        for row in range(len(self.states)):
            if noisy[0][row] > 0:
                arrives = keep[self.states, self.states[row]].prod(1)
                exact = noisy[1] * arrives / noisy[0][row]
                product = step[row].gather(1, self.states.T).prod(0)
                gap = max(gap, float((exact - product).abs().max()))
        return Estimate.exact(gap, unit="probability")

    def _all(self, value: float) -> Float[Tensor, " S"]:
        return torch.full((len(self.states),), value, dtype=torch.float64)


def _noisy_law(
    language: Language, states: Int[Tensor, "S L"], alpha: float, process: Process | None = None
) -> Float[Tensor, " S"]:
    """q(x_t) of every noisy sequence; absorbing noise unless said otherwise."""
    used = process or Absorbing(language.vocab_size)
    words = enumeration.sequences(language.vocab_size, states.shape[1])
    passed = used.marginal(words, alpha)
    law = torch.zeros(len(states), dtype=torch.float64)
    for chance, row in zip(language.log_prob(words).exp().tolist(), passed, strict=True):
        law += chance * row.gather(1, states.T).prod(0)
    return law


def _positions(states: Int[Tensor, "S L"], mass: Float[Tensor, " S"], vocab_size: int) -> Float[Tensor, "L n"]:
    """Law of each position."""
    one_hot = torch.nn.functional.one_hot(states, vocab_size + 1).double()
    return torch.einsum("s,sln->ln", mass, one_hot)


def _require_enumerable(entry: Entry, language: Language, length: int) -> None:
    entry.require(language.vocab_size >= 2, "one token has no noise")
    squared = (language.vocab_size + 1) ** (2 * check_count("length", length))
    fits = affordable(language, length) and squared <= enumeration.MOST_WORK
    entry.require(fits, f"V={language.vocab_size}, L={length} is too large to enumerate")


def _largest(gap: Tensor) -> Estimate:
    return Estimate.exact(float(gap.abs().max()), unit="probability")


def _nothing() -> Estimate:
    return Estimate.exact(0.0, unit="probability")


def _same(what: str, one: Tensor, other: Tensor) -> Comparison:
    return Comparison(what, _largest(one - other), "==", _nothing(), tolerance=ROUNDING)
