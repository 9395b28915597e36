"""What a row of the theorem ledger is: a statement, its assumptions as code, and a check that computes both sides."""

from __future__ import annotations

import abc
import dataclasses
import itertools
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from languages import Language
from languages.estimate import Estimate

Kind = Literal["bound", "identity", "rate", "observation"]
"""What is claimed: an inequality, an equation, an order of convergence, or nothing (something measured)."""
Trust = Literal["S", "P", "2", "D"]
"""How far to trust a statement: S given with the project's sources, P read in the paper cited or in its code, 2 known
second-hand only and quoted as such, D derived here and confirmed by enumeration."""
Relation = Literal["<=", "<", ">=", ">", "==", "beside"]

ROUNDING = 1e-9
"""How far a bound or an identity may be off, absolutely and relative to its sides, before it is called violated."""
ORDER_TOLERANCE = 0.2
"""How far a measured order of convergence may fall short of the claimed one."""


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


@dataclasses.dataclass(frozen=True)
class Verdict:
    """What became of an entry on one instance.

    Attributes:
        id: The entry.
        kind: Its kind.
        instance: What it was checked on.
        comparisons: Both sides of every part of the statement, the main one first.
        notes: What else was found, such as the smallest constant that would do.
    """

    id: str
    kind: Kind
    instance: str
    comparisons: tuple[Comparison, ...]
    notes: tuple[str, ...] = ()

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


class Entry(abc.ABC):
    """One row of the ledger.

    Attributes:
        id: Its name in the ledger.
        statement: What is claimed, in one line.
        citation: Where it comes from.
        trust: How far to trust it, one mark for each source.
        kind: What kind of claim it is.
        assumptions: What an instance must fulfil, in words; `check` refuses one that does not.
    """

    id: ClassVar[str]
    statement: ClassVar[str]
    citation: ClassVar[str]
    trust: ClassVar[tuple[Trust, ...]]
    kind: ClassVar[Kind]
    assumptions: ClassVar[str]

    @abc.abstractmethod
    def check(self, *args: Any, **kwargs: Any) -> Verdict:
        """Compute both sides on one instance.

        Raises:
            ValueError: The instance does not fulfil the assumptions; the reason is in the message.
        """

    @abc.abstractmethod
    def instances(self) -> Iterator[Mapping[str, Any]]:
        """Arguments of `check` for a few small, fast instances."""

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        """Arguments of `check` for a language of the reader's choice.

        Raises:
            ValueError: The entry is about instances of its own.
        """
        raise ValueError(f"{self.id} does not apply: it is about instances of its own")

    def verdicts(self, language: Language | None = None, length: int | None = None) -> list[Verdict]:
        """The verdicts on the default instances, or on a language at a length.

        Args:
            language: None for the default instances.
            length: L; goes with a language.

        Raises:
            ValueError: The language does not fulfil the assumptions; one of language and length without the other.
        """
        if language is None or length is None:
            if language is not None or length is not None:
                raise ValueError(f"language and length go together, got {language!r} and {length!r}")
            return [self.check(**arguments) for arguments in self.instances()]
        return [self.check(**arguments) for arguments in self.instances_of(language, length)]

    def verdict(self, instance: str, *comparisons: Comparison, notes: Sequence[str] = ()) -> Verdict:
        """A verdict of this entry."""
        return Verdict(self.id, self.kind, instance, comparisons, tuple(notes))

    def require(self, fulfilled: bool, reason: str) -> None:
        """Refuse an instance that does not fulfil an assumption.

        Raises:
            ValueError: It does not.
        """
        if not fulfilled:
            raise ValueError(f"{self.id} does not apply: {reason}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}, {self.kind} [{', '.join(self.trust)}]: {self.statement})"


def claimed(value: float, *, unit: str, law: str = "") -> Estimate:
    """The value of a bound."""
    return Estimate(float(value), float(value), float(value), "bound", law, unit)


def limiting(value: float, *, unit: str, law: str = "") -> Estimate:
    """A limit or an order read off exact numbers at N, 2N, 4N …; no interval, so that it cannot excuse a claim."""
    return Estimate(float(value), float(value), float(value), "extrapolated", law, unit)


def measured_order(errors: Sequence[float], *, rounding: float = 0.0) -> float:
    """Order of convergence from signed errors at N, 2N, 4N …: the steepest fall between any two of them.

    An order seen nowhere refutes a claim; one error that crosses zero by chance does not. Infinite where the last
    error is zero, or so small that it is `rounding`.
    """
    sizes = [abs(error) for error in errors]
    if sizes[-1] <= rounding:
        return math.inf
    return max(
        math.log2(sizes[early] / sizes[late]) / (late - early) if sizes[early] and sizes[late] else -math.inf
        for late in range(1, len(sizes))
        for early in range(late)
    )


def extrapolated(values: Sequence[float]) -> float:
    """Limit of c₀ + c₁/N + c₂/N² + … from its values at N, 2N, 4N … (Richardson)."""
    row = list(values)
    for order in range(1, len(values)):
        row = [(2**order * later - earlier) / (2**order - 1) for earlier, later in itertools.pairwise(row)]
    return row[0]
