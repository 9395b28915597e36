"""Steps of score-entropy diffusion that are the same."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Estimate, Language, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import describe
from mdmtheory.bounds.kernel_sides import ROUNDING, noisy_law, nothing, require_enumerable
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, Oracle, UniformOracle
from mdmtheory.diffusion.processes import Absorbing, Process, Uniform
from mdmtheory.diffusion.schedules import Geometric
from mdmtheory.exact import enumeration
from mdmtheory.samplers.kernels.euler import euler_law
from mdmtheory.samplers.kernels.tweedie import tweedie_law


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
        require_enumerable(self, language, length)
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
            parts.append(Comparison("Euler apart from ancestral, absorbing, geometric", apart, ">", nothing()))
        joint = noisy.joint_gap(language, *linear)
        if length == 1:
            parts.append(Comparison("uniform: one token, step against the reverse law", joint, "==", nothing()))
        elif information_curve(language, length).total_correlation > 1e-6:
            parts.append(Comparison("uniform: more tokens, step apart from the reverse law", joint, ">", nothing()))
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
        noisy = [noisy_law(language, self.states, level, self.process) for level in (before, after)]
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


def _largest(gap: Tensor) -> Estimate:
    return Estimate.exact(float(gap.abs().max()), unit="probability")


def _same(what: str, one: Tensor, other: Tensor) -> Comparison:
    return Comparison(what, _largest(one - other), "==", nothing(), tolerance=ROUNDING)
