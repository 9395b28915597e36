"""One step of a kernel: from which tokens, between which times."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor


@dataclasses.dataclass(frozen=True, eq=False)
class Step:
    """What a kernel knows of a step, row by row, before it hears the denoiser; `Kernel.step` makes one.

    Attributes:
        tokens: x_t, in 0 … n − 1.
        time_from: t of each row.
        time_to: s ≤ t of each row.
        alpha_from: α_t, as the kernel has it.
        alpha_to: α_s.
        confidence: The probability with which each token was drawn, +∞ at given tokens; None unless the kernel
            `remembers`.
    """

    tokens: Int[Tensor, "B L"]
    time_from: Float[Tensor, " B"]
    time_to: Float[Tensor, " B"]
    alpha_from: Float[Tensor, " B"]
    alpha_to: Float[Tensor, " B"]
    confidence: Float[Tensor, "B L"] | None = None

    @property
    def alphas(self) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """(α_t, α_s)."""
        return self.alpha_from, self.alpha_to


def unmask_probability(before: Float[Tensor, " B"], after: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """(α_s − α_t)/(1 − α_t), the probability that a hole at time t has a token at time s; 1 where α_t is 1."""
    return torch.where(before < 1, (after - before) / (1 - before).clamp(min=1e-300), 1.0).clamp(0, 1)
