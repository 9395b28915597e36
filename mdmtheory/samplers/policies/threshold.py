"""All positions above a threshold of confidence: of the most likely token, and of the token drawn."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.policies.ranked import Ranked, confidence, in_use
from mdmtheory.samplers.properties import Properties


@dataclasses.dataclass(frozen=True, repr=False)
class Threshold(Ranked):
    """All positions whose most likely token has at least this probability, and the surest in any case.

    Public code looks at the token drawn instead: `FastDLLMThreshold`. With greedy decoding both are the same.

    Attributes:
        threshold: In [0, 1].
    """

    properties: ClassVar[Properties] = Properties(
        exact="where all that is above the threshold is certain",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="threshold on the most likely token; Fast-dLLM's at temperature 0",
        source="2505.22618",
    )

    threshold: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "threshold", check_fraction("threshold", self.threshold))

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return confidence(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"], width: float) -> Int[Tensor, "B 1"]:
        return (in_use(ranked, left) & (ranked >= self.threshold - width)).sum(1, keepdim=True)


class FastDLLMThreshold(Threshold):
    """All positions whose drawn token has at least this probability, and the best of them in any case.

    Fast-dLLM's parallel decoding by threshold (llada/generate.py, commit 24cc59e).
    """

    ranks_drawn: ClassVar[bool] = True
    properties: ClassVar[Properties] = dataclasses.replace(
        Threshold.properties, exact="where all is certain", literature="parallel decoding by threshold (Fast-dLLM)"
    )
