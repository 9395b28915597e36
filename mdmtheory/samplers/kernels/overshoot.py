"""Overshooting: a step further than needed, then noise back to where one should be."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step, unmask_probability
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class Overshoot(Kernel):
    """The posterior step from t down to r ≤ s, then the noise of the process from r up to s.

    Both halves keep q(x_s | x_0). One network call: the second half needs none. Under absorbing noise it is remasking
    with σ = 1 − α_s/α_r, so κ · posterior + (1 − κ) · renoise with 1 − κ = σ/(1 − α_s); under uniform noise a law of
    its own. `ForwardBackward`, the sampler of that name, erases a little more: with (α_s − α_t)/α_t.

    Attributes:
        overshoot: r = max(0, s − overshoot · (t − s)); 0 is ancestral sampling, 1 goes two steps on and one back.
    """

    overshoot: float = 1.0
    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞; at every N for one hidden position",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=True,
        needs_time=True,
        literature="in the manner of forward–backward",
        source="2205.14987",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "overshoot", check_fraction("overshoot", self.overshoot, high=sys.float_info.max))

    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        beyond, keep = self._overshot(step)
        reached = self.process.posterior(step.tokens, log_probs.exp(), step.alpha_from, beyond)
        keep = keep[:, None, None]
        return keep * reached + (1 - keep) * self.process.base(step.tokens.device)

    def fill_and_erase(self, step: Step) -> FillErase | None:
        beyond, keep = self._overshot(step)
        return keep * unmask_probability(step.alpha_from, beyond), 1 - keep

    def _overshot(self, step: Step) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """(α_r, α_s/α_r)."""
        beyond = self.alpha((step.time_to - self.overshoot * (step.time_from - step.time_to)).clamp(min=0))
        return beyond, torch.where(beyond > 0, step.alpha_to / beyond.clamp(min=1e-300), 1.0)
