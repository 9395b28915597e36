"""Top-k by margin."""

from __future__ import annotations

from typing import ClassVar

import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.policies.ranked import TopK
from mdmtheory.samplers.properties import Properties


class Margin(TopK):
    """The positions with the largest gap between the two most likely tokens."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by probability margin",
        source="2502.06768",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        if log_probs.shape[-1] == 1:
            return torch.ones_like(log_probs[..., 0])
        first, second = log_probs.topk(2, dim=-1).values.exp().unbind(-1)
        return first - second
