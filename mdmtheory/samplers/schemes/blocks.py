"""Blocks from left to right."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from languages import Language
from languages.checks import check_count
from mdmtheory.samplers.plan import GIVEN
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows, counted
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class Blocks(Scheme):
    """The positions to generate from left to right, `size` of them a round, the last ones in what is left.

    Attributes:
        size: Positions a round, at least one. Given positions between them do not count.
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
        object.__setattr__(self, "size", check_count("size", self.size))

    def draw(self, rows: Rows) -> Reveals:
        ranks = rows.hidden.cumsum(1) - 1
        return counted((ranks // self.size).masked_fill(~rows.hidden, GIVEN))

    def num_rounds(self, length: int) -> int:
        return -(-length // self.size)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield hidden[: self.size], 1.0

    def independent_rounds(self, language: Language) -> bool:
        return self.size == 1


@dataclasses.dataclass(frozen=True)
class LeftToRight(Blocks):
    """One position a round from left to right: blocks of size 1."""

    properties: ClassVar[Properties] = Properties(
        exact="always",
        calls="L",
        revises=False,
        needs_time=False,
        literature="left to right, autoregressive order",
        source="2503.09573",
    )

    size: int = dataclasses.field(default=1, init=False, repr=False)
