"""What a row of the theorem ledger is: a statement, its assumptions as code, and a check that computes both sides."""

from __future__ import annotations

import abc
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar, Literal

from languages import Language
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.verdict import Kind, Verdict

Trust = Literal["S", "P", "2", "D"]
"""How far to trust a statement: S given with the project's sources, P read in the paper cited or in its code, 2 known
second-hand only and quoted as such, D derived here and confirmed by enumeration."""


class Entry(abc.ABC):
    """One row of the ledger.

    Attributes:
        id: Its name in the ledger.
        statement: What is claimed, in one line.
        citation: Where it comes from.
        trust: How far to trust it, one mark for each source.
        kind: What kind of claim it is.
        assumptions: What an instance must fulfil, in words; `check` refuses one that does not.
        caveats: What holding does not show; every verdict says so. Where no instance comes within a factor of two of a
            bound, its constant is untested, and a caveat says how near the nearest comes.
    """

    id: ClassVar[str]
    statement: ClassVar[str]
    citation: ClassVar[str]
    trust: ClassVar[tuple[Trust, ...]]
    kind: ClassVar[Kind]
    assumptions: ClassVar[str]
    caveats: ClassVar[tuple[str, ...]] = ()

    @abc.abstractmethod
    def check(self, *args: Any, **kwargs: Any) -> Verdict:
        """Compute both sides on one instance.

        Raises:
            ValueError: The instance does not fulfil the assumptions; the reason is in the message.
        """

    @abc.abstractmethod
    def instances(self) -> Iterator[Mapping[str, Any]]:
        """Arguments of `check`, or with a `curve` of `check_curve`, for a few small, fast instances."""

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
            return [self.check_instance(**arguments) for arguments in self.instances()]
        return [self.check(**arguments) for arguments in self.instances_of(language, length)]

    def check_instance(self, **arguments: Any) -> Verdict:
        """An instance is a language, or a curve that no language of the project has at that length."""
        return self.check_curve(**arguments) if "curve" in arguments else self.check(**arguments)

    def check_curve(self, *args: Any, **kwargs: Any) -> Verdict:
        """The same for an information curve, of entries that ask no more of a language.

        Raises:
            ValueError: The entry asks for more.
        """
        raise ValueError(f"{self.id} does not apply: it needs a language, not its information curve")

    def verdict(self, instance: str, *comparisons: Comparison, notes: Sequence[str] = ()) -> Verdict:
        """A verdict of this entry."""
        return Verdict(self.id, self.kind, instance, comparisons, tuple(notes), self.caveats)

    def require(self, fulfilled: bool, reason: str) -> None:
        """Refuse an instance that does not fulfil an assumption.

        Raises:
            ValueError: It does not.
        """
        if not fulfilled:
            raise ValueError(f"{self.id} does not apply: {reason}")

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.id}, {self.kind} [{', '.join(self.trust)}]: {self.statement})"
