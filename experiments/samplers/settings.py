"""Every sampler of the registry with a dial, so that each can be set to the same number of network calls.

A new kernel of the registry appears here by itself, with its defaults; so does a policy with a `size`. A policy or plan
with other parameters needs a dial in `_REVEALERS`.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from languages import Language
    from mdmtheory.denoisers import Denoiser
    from mdmtheory.samplers.kernels import Kernel
    from mdmtheory.samplers.policies import Policy
    from mdmtheory.samplers.schemes import Scheme

    Sampler = Scheme | Policy | Kernel

NOTCHES = 96
"""Positions of a dial that is a real number."""
OFF_BUDGET = 0.25
"""A setting whose calls are further from the budget than this share does not stand for it."""

STRENGTHS: Mapping[str, tuple[dict[str, float], ...]] = {
    "remdm-cap": ({"cap": 0.2},),
    "remdm-rescale": ({"scale": 0.5},),
    "remdm-loop": ({"eta": 0.05},),
    "renoising": ({"kappa": 0.5},),
    "overshoot": ({"overshoot": 0.25},),
    "predictor-corrector": ({"scale": 1.0},),
    "renoising-corrector": ({"kappa": 0.5},),
}
"""Options of kernels that are compared beside their defaults: milder or stronger revision."""
STARTS = (0.7, 0.4)
"""Later starts of ancestral sampling under uniform noise, whose first step is wasted where marginals are uniform."""


@dataclasses.dataclass(frozen=True)
class Setting:
    """One way to sample, but for its dial.

    Attributes:
        family: Its name in the registry.
        noise: "masks" or "uniform".
        options: Options of the kernel that differ from its defaults.
        plug_in: Whether a leave-one-out kernel is given the ordinary posterior, as trained networks give it.
    """

    family: str
    noise: str = "masks"
    options: tuple[tuple[str, float], ...] = ()
    plug_in: bool = False

    @property
    def name(self) -> str:
        """Family and options, and the noise unless it is masks."""
        words = [self.family, *(f"{key}={value:g}" for key, value in self.options), *["plug-in"] * self.plug_in]
        return " ".join(words) + (", uniform" if self.noise == "uniform" else "")

    @property
    def group(self) -> str:
        """Plan, policy, or what a kernel does: fill holes, revise them, or move under uniform noise."""
        from mdmtheory.samplers.registry import FAMILIES

        family = FAMILIES[self.family]
        if family.kind != "kernel":
            return "plan" if family.kind == "scheme" else family.kind
        if self.noise == "uniform":
            return "uniform noise"
        return "remasking" if family.properties.revises else "mask kernel"

    def denoiser(self, language: Language) -> Denoiser:
        """The exact denoiser of its noise."""
        from mdmtheory.denoisers import Oracle, UniformOracle

        if self.noise == "masks":
            return Oracle(language)
        return UniformOracle(language, leave_one_out=self.family == "leave-one-out" and not self.plug_in)

    def top(self, length: int, budget: int) -> int:
        """The last place of the dial worth trying."""
        from mdmtheory.samplers.registry import FAMILIES

        if FAMILIES[self.family].kind == "kernel" or self.family == "bernoulli":
            return 4 * budget
        if self.family in _WITHOUT_DIAL:
            return 1
        return NOTCHES if self.family in _REAL else length

    def at(self, dial: int, vocab_size: int, length: int) -> Sampler:
        """The sampler at a place of the dial, 1, 2, …; a larger one asks the denoiser more often.

        Args:
            dial: Steps of a kernel, rounds of a plan or policy, or a notch of a real number.
            vocab_size: V.
            length: L.

        Raises:
            ValueError: A family without a dial.
        """
        from mdmtheory.diffusion import Absorbing, Uniform
        from mdmtheory.samplers.registry import FAMILIES

        family = FAMILIES[self.family]
        maker: Any = family.maker
        if family.kind == "kernel":
            process = Uniform(vocab_size) if self.noise == "uniform" else Absorbing(vocab_size)
            return maker(process, dial, **dict(self.options))
        if self.family in _REVEALERS:
            return _REVEALERS[self.family](maker, dial, length)
        if "size" in {field.name for field in dataclasses.fields(maker)}:
            return maker(-(-length // dial))
        raise ValueError(f"family {self.family!r} needs a dial in experiments/samplers/settings.py")

    def near(self, budgets: tuple[int, ...], language: Language, length: int, sequences: int) -> dict[int, Sampler]:
        """The sampler whose mean network calls are nearest to each budget, by trial runs; without those far off.

        Samplers without a dial are there once, at the calls that they make.

        Args:
            budgets: Network calls.
            language: What is sampled.
            length: L.
            sequences: Sequences of a trial run.
        """
        import torch

        from mdmtheory.samplers import sample

        denoiser, keys = self.denoiser(language), torch.arange(sequences, device=language.device)

        @functools.cache
        def calls(dial: int) -> float:
            sampler: Any = self.at(dial, language.vocab_size, length)
            if self.noise == "uniform":  # every step asks
                return float(len(sampler.times) - 1)
            ran = sample(denoiser, sampler, batch=sequences, length=length, row_keys=keys)
            return float(ran.network_calls.double().mean())

        if self.family in _WITHOUT_DIAL:
            return {round(calls(1)): self.at(1, language.vocab_size, length)}
        chosen: dict[int, int] = {}
        for budget in budgets:
            low, high = 1, self.top(length, budget)
            while high - low > 1:
                middle = budget if low < budget < high and calls(budget) == budget else (low + high) // 2
                low, high = (middle, high) if calls(middle) <= budget else (low, middle)
            dial = min((low, high), key=lambda d: abs(calls(d) - budget))
            if abs(calls(dial) - budget) <= OFF_BUDGET * budget:
                chosen[budget] = dial
        samplers = {budget: self.at(dial, language.vocab_size, length) for budget, dial in chosen.items()}
        first = {repr(sampler): budget for budget, sampler in reversed(samplers.items())}
        return {budget: sampler for budget, sampler in samplers.items() if first[repr(sampler)] == budget}


def settings() -> tuple[Setting, ...]:
    """Every family with a law of its own on every noise that it runs on, then other strengths and starts."""
    from mdmtheory.samplers.registry import FAMILIES

    found = []
    for name, family in FAMILIES.items():
        if family.like is not None:
            continue
        strengths = [tuple(options.items()) for options in ({}, *STRENGTHS.get(name, ()))]
        found += [Setting(name, "masks", options) for options in strengths]
        if "uniform" in family.noise:
            found += [Setting(name, "uniform", options) for options in strengths]
    found += [Setting("ancestral", "uniform", (("start", start),)) for start in STARTS]
    found.append(Setting("leave-one-out", "uniform", plug_in=True))
    return tuple(found)


def equal_sizes(rounds: int, length: int) -> tuple[int, ...]:
    """Sizes of L/N, rounded so that they sum to L."""
    ends = [round(length * k / rounds) for k in range(rounds + 1)]
    return tuple(after - before for before, after in itertools.pairwise(ends))


def _falling(length: int, dial: int) -> float:
    """From L down by a quarter of an octave a notch."""
    return length * math.exp2(-(dial - 1) / 4)


_REAL = ("threshold", "fast-dllm-threshold", "factor", "fast-dllm-factor", "entropy-budget")
_WITHOUT_DIAL = ("random-order", "bisection")
_REVEALERS: Mapping[str, Callable[[Any, int, int], Any]] = {
    "bernoulli": lambda maker, dial, length: maker.uniform(dial),
    "fixed-sizes": lambda maker, dial, length: maker(equal_sizes(dial, length)),
    "random-order": lambda maker, dial, length: maker(),
    "bisection": lambda maker, dial, length: maker(),
    "threshold": lambda maker, dial, length: maker(dial / NOTCHES),
    "fast-dllm-threshold": lambda maker, dial, length: maker(dial / NOTCHES),
    "factor": lambda maker, dial, length: maker(_falling(length, dial)),
    "fast-dllm-factor": lambda maker, dial, length: maker(_falling(length, dial)),
    "entropy-budget": lambda maker, dial, length: maker(_falling(length, dial)),
}
