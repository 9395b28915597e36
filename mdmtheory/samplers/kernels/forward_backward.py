"""The forward–backward sampler: what was just filled in is erased at the rate at which it came."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.kernels.remasking import REMASKING, Remasking
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ForwardBackward(Remasking):
    """σ_t = min((α_s − α_t)/α_t, σ_max): the corrector of Campbell et al. as remasking.

    As in ReMDM's code (diffusion.py, commit f830d65, sampler "forward-backward"), which takes σ beyond σ_max in the
    last step and has an argmax repair it. `Overshoot` is ours, and runs under uniform noise too.
    """

    properties: ClassVar[Properties] = dataclasses.replace(
        REMASKING, literature="forward–backward corrector", source="2205.14987, 2503.00307"
    )

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        before, after = (alpha[:, None] for alpha in step.alphas)
        return self.largest_sigma(step).minimum((after - before) / before.clamp(min=1e-300))
