"""Remasking with σ a number or a share of the largest."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.kernels.remasking import REMASKING, Remasking
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMCap(Remasking):
    """σ_t = min(cap, σ_max).

    Attributes:
        cap: The most probable that a token is erased in a step.
    """

    cap: float = 0.02
    properties: ClassVar[Properties] = dataclasses.replace(REMASKING, literature="ReMDM-cap")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "cap", check_fraction("cap", self.cap))

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        return self.largest_sigma(step).clamp(max=self.cap)


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMRescale(Remasking):
    """σ_t = scale · σ_max.

    Attributes:
        scale: In [0, 1].
    """

    scale: float = 0.05
    properties: ClassVar[Properties] = dataclasses.replace(REMASKING, literature="ReMDM-rescale")

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "scale", check_fraction("scale", self.scale))

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        return self.scale * self.largest_sigma(step)
