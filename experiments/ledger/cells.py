"""One entry of the theorem ledger, checked on its own instances or on a language."""

from __future__ import annotations

import dataclasses
import hashlib
import importlib
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Cell, Row
from experiments.shared.language_cell import language_of

if TYPE_CHECKING:
    from mdmtheory.bounds import Comparison, Entry

SECONDS = {"conflict-law": 6.0, "exponent": 2.0, "sqrt-rule": 2.0, "feng-ter": 1.0, "feng-ser-upper": 1.0}
"""About how long an entry takes on its own instances; the others take half a second."""
REFUSED = "refused"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LedgerRow(Row):
    """One side of one comparison; `metric` says what is compared.

    Attributes:
        entry: Id in the ledger.
        kind: bound, identity, rate or observation.
        trust: Its trust marks.
        statement: What it claims.
        citation: Where it comes from.
        instance: What it was checked on.
        side: left, the computed side, or right.
        relation: What is claimed of left and right.
        verdict: holds, violated, observed (nothing is claimed) or refused (the language does not fulfil the
            assumptions; the reason is in the notes).
        ratio: Left over right.
        slack: Room to the bound; right − left where nothing or equality is claimed.
        notes: What else was found, such as the smallest constant that would do.
        caveats: What holding does not show, the same for all instances of an entry.
    """

    entry: str
    kind: str
    trust: str
    statement: str
    citation: str
    instance: str
    side: str
    relation: str
    verdict: str
    ratio: float
    slack: float
    notes: str
    caveats: str = ""


@dataclasses.dataclass(frozen=True)
class LedgerCell(Cell):
    """An entry on all its instances, or on one language at one length.

    Attributes:
        entry: Id in the ledger.
        code: Digest of the code that decides the verdicts, so that none outlives the code it is about.
        modules: Modules that add entries to the ledger.
        language: Specification string; empty for the entry's own instances.
        content: Digest of the text file that the specification names.
        length: L; None for the entry's own instances.
    """

    entry: str
    code: str
    modules: tuple[str, ...] = ()
    language: str = ""
    content: str = ""
    length: int | None = None

    @property
    def label(self) -> str:
        """The entry, and the language if one is given."""
        return f"{self.entry} on {self.language} L={self.length}" if self.language else self.entry

    def run(self, workdir: Path) -> Sequence[Row]:
        """Check every instance; `workdir` is not needed."""
        entry = ledger(self.modules)[self.entry]
        if not self.language:  # its own instances fulfil its assumptions, or the entry is wrong: an error
            return [row for arguments in entry.instances() for row in _checked(entry, arguments)]
        rows: list[Row] = []
        assert self.length is not None
        try:
            for arguments in entry.instances_of(language_of(self.language), self.length):
                rows += _checked(entry, arguments)
        except ValueError as reason:
            rows.append(self._refusal(entry, reason))
        return rows

    def _refusal(self, entry: Entry, reason: ValueError) -> Row:
        from languages import Estimate
        from mdmtheory.bounds import Comparison

        one = Estimate.exact(1.0, unit="instances")
        places = {"language": self.language, "length": self.length}
        words = " ".join(str(reason).split()).removeprefix(f"{self.entry} does not apply: ")
        where = f"{self.language}, L={self.length}"
        return _row(entry, Comparison(REFUSED, one, "beside", one), "left", places, where, REFUSED, words)

    def estimated_seconds(self) -> float:
        """Seconds on one core."""
        return SECONDS.get(self.entry, 0.5)

    def estimated_bytes(self) -> float:
        """Memory of torch and of some enumeration."""
        return 0.6e9


def ledger(modules: Sequence[str] = ()) -> Mapping[str, Entry]:
    """The ledger, with what these modules add to it.

    Raises:
        ValueError: A module that cannot be imported, or adds nothing.
    """
    from mdmtheory.bounds import LEDGER

    for name in modules:
        before = set(LEDGER)
        try:
            importlib.import_module(name)
        except ImportError as error:
            raise ValueError(f"modules: cannot import {name!r}: {error}") from error
        # Entries of a module that was imported before are there already.
        homes = {type(entry).__module__ for entry in LEDGER.values()}
        if before == set(LEDGER) and not any(f"{home}.".startswith(f"{name}.") for home in homes):
            raise ValueError(f"modules: {name!r} adds no entry to mdmtheory.bounds.LEDGER when it is imported")
    return LEDGER


def code_digest(modules: Sequence[str] = ()) -> str:
    """Digest of the source of `languages`, `mdmtheory` and these modules."""
    import languages
    import mdmtheory

    digest = hashlib.sha256()
    packages = [path for package in (languages, mdmtheory) for path in Path(package.__path__[0]).rglob("*.py")]
    plugged = [importlib.import_module(name).__file__ for name in modules]
    for path in [*sorted(packages), *(Path(file) for file in plugged if file)]:
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def _checked(entry: Entry, arguments: Mapping[str, Any]) -> Iterator[Row]:
    """Two rows for each part of a verdict, one a side; the notes stand with the first."""
    verdict = entry.check_instance(**arguments)
    language = arguments.get("language")
    length = arguments["curve"].length if "curve" in arguments else arguments.get("length")
    places = {"language": language.name if language else "", "length": length}
    if language:
        places["denoiser"] = "perturbed" if arguments.get("denoiser") else "oracle"
    notes = "; ".join(verdict.notes)
    for part in verdict.comparisons:
        claim = {True: "holds", False: "violated", None: "observed"}[part.holds]
        for side in ("left", "right"):
            word = "observed" if verdict.kind == "observation" else claim
            yield _row(entry, part, side, places, verdict.instance, word, notes)
            notes = ""


def _row(
    entry: Entry, part: Comparison, side: str, places: Mapping[str, Any], instance: str, verdict: str, notes: str
) -> LedgerRow:
    return LedgerRow.of(
        part.left if side == "left" else part.right,
        **{"denoiser": "", "sampler": "", "steps": None, **places},
        metric=part.what,
        entry=entry.id,
        kind=entry.kind,
        trust=", ".join(entry.trust),
        statement=entry.statement,
        citation=entry.citation,
        instance=instance,
        side=side,
        relation=part.relation,
        verdict=verdict,
        ratio=part.ratio,
        slack=part.slack,
        notes=notes,
        caveats="; ".join(entry.caveats),
    )
