"""What became of an entry on one instance."""

from __future__ import annotations

import dataclasses
from typing import Literal

from languages.estimate import Estimate
from mdmtheory.bounds.comparison import Comparison

Kind = Literal["bound", "identity", "rate", "observation"]
"""What is claimed: an inequality, an equation, an order of convergence, or nothing (something measured)."""


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of an entry on one instance.

    Attributes:
        id: The entry.
        kind: Its kind.
        instance: What it was checked on.
        comparisons: Both sides of every part of the statement, the main one first.
        notes: What else was found, such as the smallest constant that would do.
        caveats: What holding does not show: constants that no instance comes near, sides that share a calculator.
    """

    id: str
    kind: Kind
    instance: str
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()
    caveats: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if self.kind != "observation" and all(part.relation == "beside" for part in self.comparisons):
            raise ValueError(f"{self.id}: a {self.kind} must claim something, or its check could not fail")

    @property
    def left(self) -> Estimate:
        """The computed side of the main part."""
        return self.comparisons[0].left

    @property
    def right(self) -> Estimate:
        """The bound, or the other side, of the main part."""
        return self.comparisons[0].right

    @property
    def holds(self) -> bool | None:
        """Whether every part holds; None for an observation, which cannot fail."""
        claims = [part.holds for part in self.comparisons if part.holds is not None]
        return None if self.kind == "observation" else all(claims)

    @property
    def slack(self) -> float:
        """Room in the main part, negative if it is violated."""
        return self.comparisons[0].slack

    @property
    def ratio(self) -> float:
        """Left over right of the main part."""
        return self.comparisons[0].ratio

    @property
    def violated(self) -> tuple[Comparison, ...]:
        """The parts that do not hold."""
        return tuple(part for part in self.comparisons if part.holds is False)

    def __str__(self) -> str:
        word = {True: "holds", False: "VIOLATED", None: "observed"}[self.holds]
        shown = (self.violated or self.comparisons)[0]
        return f"{self.id} {word} [{self.instance}] {shown}"
