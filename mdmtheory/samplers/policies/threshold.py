"""All positions above a threshold of confidence."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.draws.decoding import TIE
from mdmtheory.samplers.policies.ranked import Ranked, confidence, in_use
from mdmtheory.samplers.properties import Properties


@dataclasses.dataclass(frozen=True)
class Threshold(Ranked):
    """All positions whose most likely token has at least this probability, and the surest in any case.

    Attributes:
        threshold: In [0, 1] (Fast-dLLM, 2505.22618, parallel decoding by threshold).
    """

    properties: ClassVar[Properties] = Properties(
        exact="where all that is above the threshold is certain",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="parallel decoding by threshold (Fast-dLLM)",
        source="2505.22618",
    )

    threshold: float

    def __post_init__(self) -> None:
        check_fraction("threshold", self.threshold)

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return confidence(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        return (in_use(ranked, left) & (ranked >= self.threshold - TIE)).sum(1, keepdim=True)
