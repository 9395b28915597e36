"""Remasking in a loop at a constant noise level."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.diffusion.schedules import Linear
from mdmtheory.samplers.kernels.remasking import REMASKING, Remasking
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMLoop(Remasking):
    """Ancestral down to time `on`, then remasking at constant α, then ancestral again from time `off` on.

    α rises linearly from 0 to `level` while t falls from 1 to `on`, stays there until `off`, and rises to 1. In the
    loop σ_t = eta, and holes are filled as fast as tokens are erased (ReMDM's code, diffusion.py, commit f830d65).
    More steps do not make these moves smaller, so what they get wrong together stays.

    Attributes:
        on: Time at which the loop begins.
        off: Time at which it ends.
        level: α in the loop.
        eta: The probability that a token is erased in a step of the loop, at most σ_max = (1 − level)/level.

    Raises:
        ValueError: Not 0 < off ≤ on < 1, numbers out of range, or a schedule, which would not be used.
    """

    on: float = 0.55
    off: float = 0.05
    level: float = 0.9
    eta: float = 0.02
    properties: ClassVar[Properties] = dataclasses.replace(
        REMASKING, exact="for one hidden position; else not even as N → ∞, unless eta = 0", literature="ReMDM-loop"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("on", "off", "level"):
            object.__setattr__(self, name, check_fraction(name, getattr(self, name)))
        most = 1.0 if self.level == 0 else min(1.0, (1 - self.level) / self.level)
        object.__setattr__(self, "eta", check_fraction("eta", self.eta, high=most))
        if not 0 < self.off <= self.on < 1:
            raise ValueError(f"on and off must satisfy 0 < off <= on < 1, got on={self.on!r}, off={self.off!r}")
        if self.schedule != Linear():
            raise ValueError(f"schedule must be left out: on, off and level say what α is, got {self.schedule!r}")

    def alpha(self, time: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        early = self.level * (1 - time) / (1 - self.on)
        late = 1 - (1 - self.level) * time / self.off
        return torch.where(time >= self.on, early, torch.where(time <= self.off, late, self.level))

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        looping = (step.alpha_from == step.alpha_to)[:, None]
        return looping.double() * self.eta
