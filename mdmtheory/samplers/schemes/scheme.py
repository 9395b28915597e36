"""What a scheme is: a law of plans."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import ClassVar, Unpack, final

from languages import Language
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, RowOptions, Rows, prepare

Positions = tuple[int, ...]


class Scheme(abc.ABC):
    """A law on reveal orders.

    Attributes:
        properties: What is known of the family.
        draws_times: Whether the times are random beyond the rounds. Then `time` is not all that a denoiser may be
            told, and the exact law is known for denoisers alone that do not read it.
    """

    properties: ClassVar[Properties]
    draws_times: ClassVar[bool] = False

    @final
    def plan(self, batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
        """Draw a plan for each row, which remembers its scheme.

        Args:
            batch: B, the number of rows.
            length: L.
            **rows: What to generate and where the randomness comes from: see `RowOptions`.

        Raises:
            ValueError: An argument is wrong, or the rows do not fit the scheme.
        """
        drawn = prepare(batch, length, **rows)
        return Plan(*self.draw(drawn), drawn.keys, self)

    @abc.abstractmethod
    def draw(self, rows: Rows) -> Reveals:
        """Rounds of every position to generate and times before each round; all randomness is `rows.uniforms`.

        Raises:
            ValueError: Rows that do not fit the scheme.
        """

    @abc.abstractmethod
    def num_rounds(self, length: int) -> int:
        """Rounds until a sequence with no given position is complete."""

    @abc.abstractmethod
    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        """The sets of positions that a round may reveal, each with its positive probability.

        Args:
            round_index: 0, 1, …, num_rounds − 1.
            hidden: Positions still hidden before the round, increasing.
            length: L; nothing was given.
        """

    def time(self, round_index: int, hidden: Positions, length: int) -> float:
        """Noise fraction that the denoiser is told before the round."""
        return len(hidden) / length

    def around(self, holes: Positions, length: int) -> Scheme:
        """The scheme of these positions where the others are given; its own `length` is then the number of holes."""
        return self

    def independent_rounds(self, language: Language) -> bool:
        """Whether tokens revealed together are independent given all before them, so that nothing is lost.

        Known from the scheme and the order of the language alone; False where that does not tell.
        """
        return False
