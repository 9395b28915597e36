"""Fixed sizes: so many positions a round, whichever they are."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

from languages.checks import check_count
from mdmtheory.samplers import plans
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class FixedSizes(Scheme):
    """Round k reveals exactly s_k uniformly chosen positions.

    Attributes:
        sizes: (N,) whole numbers that sum to the length.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at one token a step",
        calls="number of sizes s_k > 0",
        revises=False,
        needs_time=False,
        literature="k tokens a step (MaskGIT, LLaDA), random order",
        source="2202.04200, 2502.09992",
    )

    sizes: tuple[int, ...]

    def __init__(self, sizes: Sequence[int]) -> None:
        checked = tuple(check_count(f"sizes[{k}]", size, least=0) for k, size in enumerate(sizes))
        object.__setattr__(self, "sizes", checked)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.fixed_sizes(self.sizes, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        if sum(self.sizes) != length:
            raise ValueError(f"sizes sum to {sum(self.sizes)}, but the length is {length}")
        return len(self.sizes)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        size = self.sizes[round_index]
        chance = 1 / math.comb(len(hidden), size)
        for chosen in itertools.combinations(hidden, size):
            yield chosen, chance

    def __repr__(self) -> str:
        if len(self.sizes) <= 8:
            return f"FixedSizes({list(self.sizes)})"
        return f"FixedSizes({len(self.sizes)} steps, {min(self.sizes)} to {max(self.sizes)})"
