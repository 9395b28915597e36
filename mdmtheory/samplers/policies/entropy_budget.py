"""As many positions as their entropies allow together."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.policies.ranked import Ranked, entropy, in_use
from mdmtheory.samplers.properties import Properties


@dataclasses.dataclass(frozen=True, repr=False)
class EntropyBudget(Ranked):
    """As many positions of least entropy as keep the sum of their entropies less the largest within a budget.

    That sum less the largest bounds the total correlation of what is revealed together (the entropy-bounded sampler,
    2505.24857).

    Attributes:
        budget: γ ≥ 0, nats.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at budget 0",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="entropy-bounded unmasking (EB-Sampler)",
        source="2505.24857",
    )

    budget: float

    def __post_init__(self) -> None:
        super().__post_init__()
        object.__setattr__(self, "budget", check_fraction("budget", self.budget, high=sys.float_info.max))

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return -entropy(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"], width: float) -> Int[Tensor, "B 1"]:
        # In rising order of entropy the largest is the last one: what counts is the sum of all before it.
        entropy = -ranked
        before = entropy.cumsum(1) - entropy
        return (in_use(ranked, left) & (before <= self.budget + width)).sum(1, keepdim=True)
