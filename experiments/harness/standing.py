"""How far a run has come, and what it leaves."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness.cell_files import CellRecord
from experiments.harness.runner import Outcome
from experiments.harness.tables import frame_of

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True)
class Results:
    """What a run leaves.

    Attributes:
        table: The tidy table of all finished cells, in the order of the cells.
        failures: The cells that failed.
        files: Everything written for people: tables, run.json, page, figures.
        violations: What the finished cells contradict, one line each.
        skipped: The cells that a time limit left out.
        unwritten: The files that could not be written, and why, one line each.
    """

    table: pandas.DataFrame
    failures: tuple[Outcome, ...]
    files: tuple[Path, ...]
    violations: tuple[str, ...] = ()
    skipped: tuple[Outcome, ...] = ()
    unwritten: tuple[str, ...] = ()


@dataclasses.dataclass
class Standing:
    """How far a run has come.

    Attributes:
        record: What run.json says.
        finished: Records of the cells finished so far, by key.
        failures: The cells that failed.
        skipped: The cells that a time limit left out.
        waiting: Labels of the cells not yet run.
        table: The tidy table of what is finished, when it was last written.
    """

    record: dict[str, Any]
    finished: dict[str, CellRecord]
    failures: list[Outcome]
    skipped: list[Outcome]
    waiting: list[str]
    table: pandas.DataFrame = dataclasses.field(default_factory=lambda: frame_of([]))
