"""All families of samplers by name, with what is known of each; the table in docs/samplers.md is made here.

`FAMILIES["remdm-cap"].properties.revises` is a fact; `families_table()` is all of them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal

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
from mdmtheory.samplers.policies import (
    Confidence,
    Entropy,
    EntropyBudget,
    Factor,
    FastDLLMFactor,
    FastDLLMThreshold,
    LowConfidenceRemasking,
    Margin,
    Policy,
    Threshold,
)
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.schemes import (
    Bernoulli,
    Bisection,
    Blocks,
    FirstHitting,
    FixedSizes,
    LeftToRight,
    RandomOrder,
    Scheme,
)

Kind = Literal["scheme", "policy", "kernel"]
Noise = Literal["masks", "masks, uniform"]


@dataclasses.dataclass(frozen=True)
class Family:
    """One family.

    Attributes:
        name: Its name in tables.
        maker: The class: `maker(...)` is a sampler.
        kind: Who decides: a scheme beforehand, a policy by the denoiser's answer, a kernel for all positions at once.
        noise: The noise that it runs on.
        like: A family that has its law at some setting, unless the denoiser reads the time; comparisons take that one.
    """

    name: str
    maker: type[Scheme] | type[Policy] | type[Kernel]
    kind: Kind
    noise: Noise = "masks"
    like: str | None = None

    @property
    def properties(self) -> Properties:
        """What is known of it."""
        return self.maker.properties


_BOTH: Noise = "masks, uniform"

FAMILIES: Mapping[str, Family] = MappingProxyType(
    {
        family.name: family
        for family in (
            Family("bernoulli", Bernoulli, "scheme"),
            Family("fixed-sizes", FixedSizes, "scheme"),
            Family("random-order", RandomOrder, "scheme"),
            Family("first-hitting", FirstHitting, "scheme", like="random-order"),
            Family("blocks", Blocks, "scheme"),
            Family("left-to-right", LeftToRight, "scheme", like="blocks"),
            Family("bisection", Bisection, "scheme"),
            Family("confidence", Confidence, "policy"),
            Family("low-confidence-remasking", LowConfidenceRemasking, "policy"),
            Family("margin", Margin, "policy"),
            Family("entropy", Entropy, "policy"),
            Family("threshold", Threshold, "policy"),
            Family("fast-dllm-threshold", FastDLLMThreshold, "policy"),
            Family("factor", Factor, "policy"),
            Family("fast-dllm-factor", FastDLLMFactor, "policy"),
            Family("entropy-budget", EntropyBudget, "policy"),
            Family("ancestral", Ancestral, "kernel", _BOTH),
            Family("euler", Euler, "kernel", _BOTH),
            Family("tweedie", Tweedie, "kernel", _BOTH),
            Family("leave-one-out", LeaveOneOut, "kernel", _BOTH),
            Family("remdm-cap", ReMDMCap, "kernel"),
            Family("remdm-rescale", ReMDMRescale, "kernel"),
            Family("remdm-confidence", ReMDMConfidence, "kernel"),
            Family("remdm-loop", ReMDMLoop, "kernel"),
            Family("forward-backward", ForwardBackward, "kernel"),
            Family("overshoot", Overshoot, "kernel", _BOTH),
            Family("predictor-corrector", PredictorCorrector, "kernel"),
            Family("renoising", Renoising, "kernel", _BOTH),
            Family("renoising-corrector", RenoisingCorrector, "kernel", _BOTH),
        )
    }
)
"""Families by name."""


def families_table() -> str:
    """All families as a Markdown table."""
    header = (
        "sampler",
        "kind",
        "noise",
        "exact with an exact denoiser",
        "network calls a row",
        "revises tokens",
        "needs time",
        "in the literature",
        "arXiv",
    )
    rows = [header, tuple("---" for _ in header)]
    for family in FAMILIES.values():
        known = family.properties
        rows.append(
            (
                f"`{family.maker.__name__}`",
                family.kind,
                family.noise,
                known.exact,
                known.calls,
                "yes" if known.revises else ("under uniform noise" if family.noise == _BOTH else "no"),
                "yes" if known.needs_time else "no",
                known.literature,
                known.source,
            )
        )
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)
