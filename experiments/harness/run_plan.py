"""What a run would do: its cells, which of them are finished, and what the rest will cost."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence
from pathlib import Path

from experiments.harness.cell_files import CellRecord, read_cell
from experiments.harness.cells import Cell
from experiments.harness.code import code_digest
from experiments.harness.report import aligned, format_bytes, format_seconds

WORTH_PROCESSES_SECONDS = 5.0
MOST_LISTED = 40
"""Cells that a plan lists one by one."""


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """The cells of a run by key, in the order of the table, and the results that are there already.

    Attributes:
        cells: All cells wanted; equal cells count once.
        finished: Records of those that need not run.
        old: Keys of cells that are stored, but were made by other code than there is now. They are finished only if
            they are trusted.
        jobs: How many run at once.
        in_order: Whether they run in the order given, as under a time limit, instead of the longest first.
    """

    cells: dict[str, Cell]
    finished: dict[str, CellRecord]
    jobs: int
    in_order: bool = False
    old: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        cells: Sequence[Cell],
        folder: Path,
        *,
        jobs: int | None,
        fresh: bool,
        gpu: bool,
        in_order: bool = False,
        trust_old: bool = False,
    ) -> RunPlan:
        """Look up which cells are finished in a results folder, and settle how many run at once.

        Args:
            cells: The cells wanted; equal ones count once.
            folder: The results folder, which need not exist.
            jobs: None for one per core, but one alone on an accelerator, or if the work is shorter than it takes to
                start processes that import torch.
            fresh: Whether finished cells run again.
            gpu: Whether the cells compete for an accelerator.
            in_order: Whether they run one at a time in the order given.
            trust_old: Whether cells that were made by other code count as finished.

        Raises:
            ValueError: A damaged cell file, jobs below one, or more than one where cells run in order.
        """
        import joblib

        from languages.checks import check_count

        by_key = {cell.key: cell for cell in cells}
        records = {} if fresh else {key: read_cell(folder, key) for key in by_key}
        stored = {key: record for key, record in records.items() if record is not None}
        old = tuple(key for key, record in stored.items() if record.code != code_digest(type(by_key[key])))
        finished = {key: record for key, record in stored.items() if trust_old or key not in old}
        alone = cls(by_key, finished, 1, in_order, old)
        if in_order:
            if jobs not in (None, 1):
                raise ValueError(f"jobs must be 1 under a time limit: cells run one at a time in order, got {jobs}")
            return alone
        if jobs is not None:
            return dataclasses.replace(alone, jobs=check_count("jobs", jobs))
        if gpu or alone.work_seconds() < WORTH_PROCESSES_SECONDS:
            return alone
        return dataclasses.replace(alone, jobs=joblib.cpu_count())

    @property
    def pending(self) -> list[str]:
        """Keys of the cells to run, the longest first, so that no long one is left for the end; or in order."""
        waiting = [key for key in self.cells if key not in self.finished]
        return waiting if self.in_order else sorted(waiting, key=lambda key: -self.cells[key].estimated_seconds())

    def work_seconds(self) -> float:
        """Estimated seconds of all pending cells, one after the other."""
        return sum(self.cells[key].estimated_seconds() for key in self.pending)

    def wall_seconds(self) -> float:
        """Estimated wall time of the pending cells on `jobs` workers, each taking the longest cell left."""
        busy_until = [0.0] * self.jobs
        for key in self.pending:
            heapq.heapreplace(busy_until, busy_until[0] + self.cells[key].estimated_seconds())
        return max(busy_until)

    def peak_bytes(self) -> float:
        """Estimated memory, if the most demanding cells happen to run at the same time."""
        return sum(sorted((self.cells[key].estimated_bytes() for key in self.pending), reverse=True)[: self.jobs])

    def _groups(self) -> list[list[str]]:
        """Lines for cells that are too many to be listed: those of one kind on one language at one length together."""
        groups: dict[tuple[str, ...], list[str]] = {}
        for key in [*self.pending, *self.finished]:
            cell = self.cells[key]
            names = [str(getattr(cell, name)) for name in ("language", "length") if getattr(cell, name, None)]
            state = "finished" if key in self.finished else "to run"
            groups.setdefault((type(cell).__name__, " L=".join(names), state), []).append(key)
        lines = [["cells", "kind", "on", "state", "time", "memory"]]
        for (kind, place, state), keys in groups.items():
            seconds = sum(
                self.finished[key].seconds if key in self.finished else self.cells[key].estimated_seconds()
                for key in keys
            )
            memory = max(self.cells[key].estimated_bytes() for key in keys)
            time = ("took " if state == "finished" else "") + format_seconds(seconds)
            lines.append([str(len(keys)), kind, place, state, time, format_bytes(memory) if state == "to run" else ""])
        return lines

    @property
    def trusted(self) -> list[str]:
        """Keys of the cells that are reused although other code made them."""
        return [key for key in self.old if key in self.finished]

    def about_old(self) -> str:
        """What is to be said of stored cells that other code made; empty if there are none."""
        count = f"{len(self.old)} stored {'cell was' if len(self.old) == 1 else 'cells were'} made by other code"
        if not self.old:
            return ""
        if self.trusted:
            return f"WARNING: {count} and may differ from what this code says; run.json names what is old"
        return f"{count}: to run again (--trust-old-cells keeps what is stored)"

    def __str__(self) -> str:
        lines = [["cell", "state", "time", "memory"]] if len(self.cells) <= MOST_LISTED else self._groups()
        for key in [*self.pending, *self.finished] if len(self.cells) <= MOST_LISTED else []:
            cell = self.cells[key]
            if key in self.finished:
                state = "finished, by other code" if key in self.old else "finished"
                lines.append([cell.label, state, f"took {format_seconds(self.finished[key].seconds)}", ""])
            else:
                time, memory = cell.estimated_seconds(), cell.estimated_bytes()
                lines.append([cell.label, "to run", format_seconds(time), format_bytes(memory)])
        total = (
            f"{len(self.cells)} cells, {len(self.finished)} finished, {len(self.pending)} to run: "
            f"about {format_seconds(self.work_seconds())} of work, {format_seconds(self.wall_seconds())} with "
            f"{self.jobs} job{'s' if self.jobs > 1 else ''}, up to {format_bytes(self.peak_bytes())} of memory"
        )
        return "\n".join(filter(None, (aligned(lines), total, self.about_old())))
