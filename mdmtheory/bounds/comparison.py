"""Two sides of a statement, and what is claimed of them."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal

from languages.estimate import Estimate

Relation = Literal["<=", "<", ">=", ">", "==", "beside"]
ROUNDING = 1e-9
"""How far a bound or an identity may be off, absolutely and relative to its sides, before it is called violated."""


@dataclasses.dataclass(frozen=True)
class Comparison:
    """Two sides, and what is claimed of them.

    Attributes:
        what: What is compared, in words.
        left: The side that was computed: exact, or an estimate with its interval.
        relation: What is claimed: left <= right, left == right …; "beside" claims nothing.
        right: The bound, or the independently computed other side.
        tolerance: How far off is still rounding; relative as well as absolute.
    """

    what: str
    left: Estimate
    relation: Relation
    right: Estimate
    tolerance: float = ROUNDING

    def __post_init__(self) -> None:
        if math.isnan(self.left.value) or math.isnan(self.right.value):
            raise ValueError(f"{self.what}: a side is NaN ({self.left}, {self.right})")
        if self.left.unit != self.right.unit:
            raise ValueError(f"{self.what}: units differ ({self.left}, {self.right})")

    @property
    def holds(self) -> bool | None:
        """Whether the claim is true, intervals in its favour; None where nothing is claimed."""
        left, right = self.left, self.right
        finite = [abs(side.value) for side in (left, right) if math.isfinite(side.value)]
        room = self.tolerance * max([1.0, *finite])
        match self.relation:
            case "beside":
                return None
            case "<=":
                return left.low <= right.high + room
            case "<":
                return left.low < right.high
            case ">=":
                return left.high >= right.low - room
            case ">":
                return left.high > right.low
            case "==":
                return left.low <= right.high + room and right.low <= left.high + room

    @property
    def slack(self) -> float:
        """Room to the bound, negative if it is violated; right − left where nothing or equality is claimed."""
        if self.left.value == self.right.value:  # infinities too
            return 0.0
        room = self.right.value - self.left.value
        return -room if self.relation in (">=", ">") else room

    @property
    def ratio(self) -> float:
        """Left over right: how tight a bound is, at most one where an upper bound holds."""
        if self.left.value == self.right.value:
            return 1.0
        return math.copysign(math.inf, self.left.value) if self.right.value == 0 else self.left.value / self.right.value

    def __str__(self) -> str:
        return f"{self.what}: {self.left.value:.6g} {self.relation} {self.right.value:.6g} {self.left.unit}".rstrip()


def claimed(value: float, *, unit: str, law: str = "") -> Estimate:
    """The value of a bound."""
    return Estimate(float(value), float(value), float(value), "bound", law, unit)
