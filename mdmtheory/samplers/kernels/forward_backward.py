"""Forward–backward: a step further than needed, then noise back to where one should be."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.kernels.kernel import Kernel, unmask_probability
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ForwardBackward(Kernel):
    """The posterior step from t down to r ≤ s, then the noise of the process from r up to s.

    Both halves keep q(x_s | x_0). One network call: the second half needs none. Under absorbing noise it is remasking
    with σ = 1 − α_s/α_r, so κ · posterior + (1 − κ) · renoise with 1 − κ = σ/(1 − α_s); under uniform noise a law of
    its own.

    Attributes:
        overshoot: r = max(0, s − overshoot · (t − s)); 0 is ancestral sampling, 1 goes two steps on and one back.
    """

    overshoot: float = 1.0
    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞; at every N for one hidden position",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=True,
        needs_time=True,
        literature="forward–backward corrector",
        source="2205.14987, 2503.00307",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("overshoot", self.overshoot, high=sys.float_info.max)

    def step_probs(
        self,
        log_probs: Float[Tensor, "B L V"],
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L n"]:
        before, beyond, keep = self._levels(time_from, time_to)
        reached = self.process.posterior(tokens, log_probs.exp(), before, beyond)
        keep = keep[:, None, None]
        return keep * reached + (1 - keep) * self.process.base(tokens.device)

    def leave_probs(
        self,
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L"] | None:
        before, beyond, keep = self._levels(time_from, time_to)
        return self.mask_leave_probs(tokens, keep * unmask_probability(before, beyond), 1 - keep)

    def _levels(
        self, time_from: Float[Tensor, " B"], time_to: Float[Tensor, " B"]
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"], Float[Tensor, " B"]]:
        """(α_t, α_r, α_s/α_r)."""
        before, after = self.levels(time_from, time_to)
        beyond = self.alpha((time_to - self.overshoot * (time_from - time_to)).clamp(min=0))
        return before, beyond, torch.where(beyond > 0, after / beyond.clamp(min=1e-300), 1.0)
