"""Top-k by confidence."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.policies.ranked import TopK, confidence
from mdmtheory.samplers.properties import Properties


class Confidence(TopK):
    """The positions whose most likely token is most likely."""

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by confidence (MaskGIT, LLaDA low-confidence remasking)",
        source="2202.04200, 2502.09992",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return confidence(log_probs)
