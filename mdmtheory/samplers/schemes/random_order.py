"""Random order: one position at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from mdmtheory.samplers import plans
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class RandomOrder(Scheme):
    """One position a round, in uniformly random order; with a denoiser free of time also the first-hitting sampler."""

    properties: ClassVar[Properties] = Properties(
        exact="always",
        calls="L",
        revises=False,
        needs_time=False,
        literature="any-order, first-hitting sampler",
        source="2409.02908",
    )

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.random_order(batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return length

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        for position in hidden:
            yield (position,), 1 / len(hidden)
