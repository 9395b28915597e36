"""Random order: one position at a time."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from languages import Language
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows, counted
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class RandomOrder(Scheme):
    """One position a round, in uniformly random order, at times that are counts."""

    properties: ClassVar[Properties] = Properties(
        exact="always",
        calls="L",
        revises=False,
        needs_time=False,
        literature="any-order generation",
        source="2409.02908",
    )

    def draw(self, rows: Rows) -> Reveals:
        return counted(rows.in_random_order())

    def num_rounds(self, length: int) -> int:
        return length

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        for position in hidden:
            yield (position,), 1 / len(hidden)

    def independent_rounds(self, language: Language) -> bool:
        return True
