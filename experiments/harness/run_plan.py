"""What a run would do: its cells, which of them are finished, and what the rest will cost."""

from __future__ import annotations

import dataclasses
import heapq
from collections.abc import Sequence
from pathlib import Path

from experiments.harness.cell_files import CellRecord, read_cell
from experiments.harness.cells import Cell
from experiments.harness.report import aligned, format_bytes, format_seconds

WORTH_PROCESSES_SECONDS = 5.0


@dataclasses.dataclass(frozen=True)
class RunPlan:
    """The cells of a run by key, in the order of the table, and the results that are there already.

    Attributes:
        cells: All cells wanted; equal cells count once.
        finished: Records of those that need not run.
        jobs: How many run at once.
        in_order: Whether they run in the order given, as under a time limit, instead of the longest first.
    """

    cells: dict[str, Cell]
    finished: dict[str, CellRecord]
    jobs: int
    in_order: bool = False

    @classmethod
    def of(
        cls, cells: Sequence[Cell], folder: Path, *, jobs: int | None, fresh: bool, gpu: bool, in_order: bool = False
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

        Raises:
            ValueError: A damaged cell file, jobs below one, or more than one where cells run in order.
        """
        import joblib

        from languages.checks import check_count

        by_key = {cell.key: cell for cell in cells}
        records = {} if fresh else {key: read_cell(folder, key) for key in by_key}
        finished = {key: record for key, record in records.items() if record is not None}
        if in_order:
            if jobs not in (None, 1):
                raise ValueError(f"jobs must be 1 under a time limit: cells run one at a time in order, got {jobs}")
            return cls(by_key, finished, 1, in_order=True)
        if jobs is not None:
            return cls(by_key, finished, check_count("jobs", jobs))
        alone = cls(by_key, finished, 1)
        return (
            alone
            if gpu or alone.work_seconds() < WORTH_PROCESSES_SECONDS
            else cls(by_key, finished, joblib.cpu_count())
        )

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

    def __str__(self) -> str:
        lines = [["cell", "state", "time", "memory"]]
        for key in [*self.pending, *self.finished]:
            cell = self.cells[key]
            if key in self.finished:
                lines.append([cell.label, "finished", f"took {format_seconds(self.finished[key].seconds)}", ""])
            else:
                time, memory = cell.estimated_seconds(), cell.estimated_bytes()
                lines.append([cell.label, "to run", format_seconds(time), format_bytes(memory)])
        total = (
            f"{len(self.cells)} cells, {len(self.finished)} finished, {len(self.pending)} to run: "
            f"about {format_seconds(self.work_seconds())} of work, {format_seconds(self.wall_seconds())} with "
            f"{self.jobs} job{'s' if self.jobs > 1 else ''}, up to {format_bytes(self.peak_bytes())} of memory"
        )
        return f"{aligned(lines)}\n{total}"
