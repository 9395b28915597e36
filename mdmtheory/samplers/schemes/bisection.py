"""Bisection: exact in logarithmically many rounds on a Markov chain of known order."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any, ClassVar

import torch

from languages.checks import check_count
from mdmtheory.samplers import plans
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class Bisection(Scheme):
    """Middle blocks first: exact on a chain of order m with an exact denoiser (Wen, Liang and Lu 2608.25505).

    Attributes:
        order: m, how many tokens before it the next one depends on.
    """

    properties: ClassVar[Properties] = Properties(
        exact="on Markov chains of this order",
        calls="≤ m(⌈log2(L/m)⌉ + 1)",
        revises=False,
        needs_time=False,
        literature="bisection by m-blocks",
        source="2608.25505",
    )

    order: int = 1

    def __post_init__(self) -> None:
        check_count("order", self.order)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.bisection(self.order, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return 1 + max(self._rounds(length))

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self._rounds(length)) if when == round_index), 1.0

    def around(self, holes: Positions, length: int) -> Scheme:
        return _InRounds(tuple(self._rounds(length, holes)))

    def _rounds(self, length: int, holes: Positions | None = None) -> list[int]:
        row_keys = torch.zeros(1, dtype=torch.int64)  # nothing is random
        hidden = torch.tensor([holes is None or i in holes for i in range(length)])
        return [
            int(when) for when in plans.bisection(self.order, 1, length, hidden=hidden, row_keys=row_keys).rounds[0]
        ]


@dataclasses.dataclass(frozen=True)
class _InRounds(Scheme):
    """The rounds themselves."""

    rounds: tuple[int, ...]

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        raise NotImplementedError("only its choices are enumerated")

    def num_rounds(self, length: int) -> int:
        return 1 + max(self.rounds)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self.rounds) if when == round_index), 1.0
