"""Blocks from left to right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

from languages.checks import check_count
from mdmtheory.samplers import plans
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class Blocks(Scheme):
    """From left to right, `size` positions a round; size 1 is plain left to right.

    Attributes:
        size: Positions a round.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at size 1; else independent blocks only",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="left to right, semi-autoregressive",
        source="2503.09573",
    )

    size: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.blocks(self.size, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return -(-length // self.size)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield hidden[: self.size], 1.0
