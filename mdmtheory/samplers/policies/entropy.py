"""Top-k by entropy."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.policies.ranked import TopK, entropy
from mdmtheory.samplers.properties import Properties


class Entropy(TopK):
    """The positions of least entropy."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by negative entropy (Dream)",
        source="2508.15487",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return -entropy(log_probs)
