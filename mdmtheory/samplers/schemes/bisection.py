"""Bisection: exact in logarithmically many rounds on a Markov chain of known order."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from typing import ClassVar

import torch

from languages import Language
from languages.checks import check_count
from mdmtheory.samplers.plan import GIVEN
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows, counted
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class Bisection(Scheme):
    """The middle m-block of every segment token by token, then both halves side by side, and so on.

    In a Markov chain of order m, a block of m adjacent revealed tokens makes what is left of it and what is right of
    it independent. So tokens revealed in one round are independent given the earlier ones, and with an exact denoiser
    the sample has the law of the language, whatever the prompt. With nothing given a segment of l positions takes
    R(l) = l rounds if l ≤ m, else m + R(⌈(l−m)/2⌉) ≤ m(⌈log2(l/m)⌉ + 1) (Wen, Liang and Lu, arXiv 2608.25505).
    Given positions save rounds.

    Attributes:
        order: m ≥ 1, how many tokens before it the next one depends on: n − 1 for an n-gram, 1 for a 1-gram too.
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
        object.__setattr__(self, "order", check_count("order", self.order))

    def draw(self, rows: Rows) -> Reveals:
        # Rows with the same holes share their rounds, and they are few patterns as a rule.
        patterns, which = rows.hidden.cpu().unique(dim=0, return_inverse=True)
        planned = torch.tensor([_bisect(pattern, self.order) for pattern in patterns.tolist()], dtype=torch.int64)
        return counted(planned.reshape(-1, rows.hidden.shape[1])[which].to(rows.keys.device))

    def num_rounds(self, length: int) -> int:
        return 1 + max(self._rounds(length))

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self._rounds(length)) if when == round_index), 1.0

    def around(self, holes: Positions, length: int) -> Scheme:
        return _InRounds(tuple(self._rounds(length, holes)))

    def independent_rounds(self, language: Language) -> bool:
        return getattr(language, "order", math.inf) <= self.order + 1  # an n-gram is a chain of order n − 1

    def _rounds(self, length: int, holes: Positions | None = None) -> list[int]:
        return _bisect([holes is None or i in holes for i in range(length)], self.order)


@dataclasses.dataclass(frozen=True)
class _InRounds(Scheme):
    """The rounds themselves."""

    rounds: tuple[int, ...]

    def draw(self, rows: Rows) -> Reveals:
        raise NotImplementedError("only its choices are enumerated")

    def num_rounds(self, length: int) -> int:
        return 1 + max(self.rounds)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self.rounds) if when == round_index), 1.0


def _bisect(hidden: list[bool], order: int) -> list[int]:
    """Rounds of one row, −1 where given."""
    rounds = [GIVEN] * len(hidden)
    segments = [(0, len(hidden), 0)]  # first position, end, first round
    while segments:
        first, end, start = segments.pop()
        holes = [i for i in range(first, end) if hidden[i]]
        if len(holes) <= order:
            for step, i in enumerate(holes):
                rounds[i] = start + step
            continue
        first, end = holes[0], holes[-1] + 1
        # m adjacent given tokens split a segment for nothing; else the middle block costs a round for each hole.
        block = next((i for i in range(first, end - order) if not any(hidden[i : i + order])), None)
        if block is None:
            block = first + (end - first - order) // 2
        paid = [i for i in range(block, block + order) if hidden[i]]
        for step, i in enumerate(paid):
            rounds[i] = start + step
        segments += [(first, block, start + len(paid)), (block + order, end, start + len(paid))]
    return rounds
