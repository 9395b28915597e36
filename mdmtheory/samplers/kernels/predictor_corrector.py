"""The predictor–corrector of discrete flow matching: filled too fast, erased by the surplus, in steps that adapt."""

from __future__ import annotations

import dataclasses
import sys
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
class PredictorCorrector(Remasking):
    """Holes are filled at a_t times their rate, tokens erased at b_t = a_t − 1 times the rate of the forward noise.

    a_t = 1 + scale · t^power (1 − t)^power, so σ_t = b_t (α_s − α_t)/α_t and a hole is filled with probability
    a_t (α_s − α_t)/(1 − α_t). No step is longer than 1/(a_t/t + b_t/(1 − t)), at which both together are certain
    (Gat et al., 2407.15595, Appendix D; ReMDM's code, diffusion.py, commit f830d65, `_dfm_caching_update`). The first
    step is ancestral, and so is the last, from a time of at most 1/N. `RenoisingCorrector` is ours.

    Attributes:
        steps: N: steps are no longer than 1/N, so there are more of them.
        scale: Strength of the corrector; 0 is ancestral sampling.
        power: How fast it fades towards both ends.

    Raises:
        ValueError: Numbers below zero, or a schedule other than the linear one, for which the steps are made.
    """

    scale: float = 10.0
    power: float = 0.25
    properties: ClassVar[Properties] = dataclasses.replace(
        REMASKING,
        calls="steps that fill a hole; more than N steps",
        literature="predictor–corrector of discrete flow matching",
        source="2407.15595, 2503.00307",
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("scale", "power"):
            number = check_fraction(name, getattr(self, name), high=sys.float_info.max)
            object.__setattr__(self, name, number)
        if self.schedule != Linear():
            raise ValueError(f"schedule must be left out: steps are made for linear noise, got {self.schedule!r}")

    @property
    def times(self) -> Float[Tensor, " M+1"]:
        longest, grid = 1 / self.steps, [self.start]
        while grid[-1] > max(longest, self.end):
            t = grid[-1]
            surplus = self._surplus(t)
            grid.append(t - (longest if t == 1 else min(longest, 1 / ((1 + surplus) / t + surplus / (1 - t)))))
        return torch.tensor([*grid, 0.0], dtype=torch.float64)

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        before, after = step.alphas
        surplus = torch.tensor([self._surplus(t) for t in step.time_from.tolist()], dtype=torch.float64)
        erased = surplus.to(before.device) * (after - before) / before.clamp(min=1e-300)
        return erased[:, None].minimum(self.largest_sigma(step))

    def _surplus(self, time: float) -> float:
        """b_t."""
        return self.scale * (time * (1 - time)) ** self.power
