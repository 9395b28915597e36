"""What a scheme is: a law of plans."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import Any, ClassVar

from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties

Positions = tuple[int, ...]


class Scheme(abc.ABC):
    """A law on reveal orders.

    Attributes:
        properties: What is known of the family.
    """

    properties: ClassVar[Properties]

    @abc.abstractmethod
    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        """Draw a plan for each row; options as in `mdmtheory.samplers.plans` (hidden, generator, row_keys)."""

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
