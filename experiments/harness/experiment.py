"""An experiment: presets, cells, the table that matters, figures; and how it runs from Python."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from experiments.harness.cell_files import read_cell
from experiments.harness.cells import Cell
from experiments.harness.config import ExperimentConfig
from experiments.harness.cost import check_cost
from experiments.harness.folder import claimed, forget
from experiments.harness.progress import Progress
from experiments.harness.provenance import now, provenance, write_run
from experiments.harness.report import summary
from experiments.harness.run_plan import RunPlan
from experiments.harness.runner import BACKENDS, run_cells
from experiments.harness.standing import Results, Standing
from experiments.harness.tables import check_tables, frame_of, write_tables
from experiments.harness.timed import run_in_time
from languages.files import write_text_atomically

if TYPE_CHECKING:
    import pandas

C = TypeVar("C", bound=ExperimentConfig)


def _as_given(config: Any) -> Any:
    return config


def _unlimited(config: Any) -> float:
    return math.inf


def _no_figures(table: pandas.DataFrame, config: Any, folder: Path) -> Sequence[Path]:
    return ()


def _plain_table(table: pandas.DataFrame, config: Any) -> str:
    return summary(table).text()


def _no_violations(table: pandas.DataFrame, config: Any) -> Sequence[str]:
    return ()


@dataclasses.dataclass(frozen=True)
class Experiment(Generic[C]):
    """What one experiment declares; `experiments.harness.main` makes a command of it.

    Attributes:
        name: The package's name, and the default output folder below results/.
        description: What it measures, for `--help`.
        presets: Configurations by name; the first is the default unless one is called "demo".
        cells: The cells of a configuration, in the order of the table. It raises ValueError for what cannot work.
        table: The table that matters as text, from the tidy table.
        figures: Draws into the folder and returns the paths; called when all cells are finished.
        violations: What the tidy table contradicts that ought to be true, one line each; the command prints them as
            errors and exits 1.
        fitted: The configuration that serves on this machine, asked first of all; it may say why on standard error.
        time_limit: Seconds a run may take. If finite, cells run one at a time in the order of the table, the first the
            most important, and those that do not fit are left out.
        page: A report in Markdown for people, written beside the tables as `NAME.md` and again whenever a cell ends.
    """

    name: str
    description: str
    presets: Mapping[str, C]
    cells: Callable[[C], Sequence[Cell]]
    table: Callable[[pandas.DataFrame, C], str] = _plain_table
    figures: Callable[[pandas.DataFrame, C, Path], Sequence[Path]] = _no_figures
    violations: Callable[[pandas.DataFrame, C], Sequence[str]] = _no_violations
    fitted: Callable[[C], C] = _as_given
    time_limit: Callable[[C], float] = _unlimited
    page: Callable[[Standing, C], str] | None = None

    @property
    def default_preset(self) -> str:
        """The preset used when none is named."""
        return "demo" if "demo" in self.presets else next(iter(self.presets))

    def plan(
        self,
        config: C,
        out: Path | str,
        *,
        jobs: int | None = None,
        fresh: bool = False,
        trust_old: bool = False,
    ) -> RunPlan:
        """What `run` would do; writes nothing.

        Args:
            config: The configuration.
            out: The results folder, which need not exist.
            jobs: How many cells run at once; None for one per core, but one alone on an accelerator or if the work
                is short.
            fresh: Whether finished cells run again.
            trust_old: Whether stored cells count as finished that other code made than there is now.

        Raises:
            ValueError: A configuration that cannot work, or a damaged cell in the folder.
        """
        from languages.budget import total_bytes  # not at the top: it brings torch, which --help can do without

        config.check()
        cells = self.cells(config)
        limited = math.isfinite(self.time_limit(config))
        if not limited:  # else what does not fit is left out
            usual = self.presets.get("smoke", config)
            check_cost(config, usual, self.cells, math.inf if config.uses_gpu else total_bytes())
        if not fresh:
            check_tables(Path(out))
        return RunPlan.of(
            cells, Path(out), jobs=jobs, fresh=fresh, gpu=config.uses_gpu, in_order=limited, trust_old=trust_old
        )

    def run(
        self,
        config: C,
        out: Path | str,
        *,
        jobs: int | None = None,
        backend: str = "processes",
        fresh: bool = False,
        trust_old: bool = False,
    ) -> Results:
        """Run the cells that are not finished, then write tables, figures and `run.json`.

        Cells are named by their content: a folder that holds results of another configuration lends those of its
        cells that are wanted here, and keeps the others for later; tables and figures are those of this run.

        Args:
            config: The configuration.
            out: The results folder.
            jobs: See `plan`.
            backend: "processes" or "ray".
            fresh: Delete the stored results and checkpoints of the cells wanted here, and run them all.
            trust_old: See `plan`; `run.json` names the cells that were reused so.

        Raises:
            ValueError: As `plan`; an output folder that cannot be written to or is in use; an absent device.
            WorkerDied: A worker was killed from outside; finished cells are kept.
        """
        if backend not in BACKENDS:
            raise ValueError(f"backend must be one of {BACKENDS}, got {backend!r}")
        deadline = time.monotonic() + self.time_limit(config)
        folder = Path(out)
        plan = self.plan(config, folder, jobs=jobs, fresh=fresh, trust_old=trust_old)
        if backend == "ray" and plan.in_order:
            raise ValueError("backend must be processes under a time limit: cells run one at a time in order")
        config.check_device()
        if backend == "ray" and jobs is None:  # the cluster's size is Ray's to know; it queues what does not fit
            plan = dataclasses.replace(plan, jobs=max(1, len(plan.pending)))
        with claimed(folder):
            if fresh:
                forget(folder, plan.cells)
            record = {**provenance(self.name, config), "jobs": plan.jobs, "backend": backend, "status": "running"}
            started = time.perf_counter()
            write_run(folder, record)
            standing = Standing(record, dict(plan.finished), [], [], [plan.cells[k].label for k in plan.pending])
            record["status"] = "interrupted"
            try:
                self._run_pending(plan, config, folder, backend, deadline, standing)
                record["status"] = "failed" if standing.failures else "finished"
            finally:
                record.update(finished=now(), wall_seconds=time.perf_counter() - started)
                failed, skipped = len(standing.failures), len(standing.skipped)
                record["cells"] = {"all": len(plan.cells), "reused": len(plan.finished), "failed": failed}
                record["cells"] |= {"skipped": skipped} if plan.in_order else {}
                record |= {"made_by_other_code": plan.trusted} if plan.trusted else {}
                write_run(folder, record)
            return self._conclude(plan, config, folder, standing)

    def _run_pending(
        self, plan: RunPlan, config: C, folder: Path, backend: str, deadline: float, standing: Standing
    ) -> None:
        pending = {key: plan.cells[key] for key in plan.pending}
        if plan.in_order:
            outcomes = run_in_time(pending, folder, deadline=deadline)
        else:
            outcomes = run_cells(pending, folder, jobs=plan.jobs, backend=backend, gpu=config.uses_gpu)
        with Progress(plan, folder) as progress, contextlib.closing(outcomes):
            for outcome in outcomes:
                progress.advance(outcome)
                standing.waiting.remove(outcome.label)
                if outcome.error is not None:
                    (standing.skipped if outcome.skipped else standing.failures).append(outcome)
                elif (stored := read_cell(folder, outcome.key)) is not None:
                    standing.finished[outcome.key] = stored
                if self.page is not None:
                    self._write_tables(plan, config, folder, standing)

    def _write_tables(self, plan: RunPlan, config: C, folder: Path, standing: Standing) -> list[Path]:
        """Write what is finished, in the order of the cells, and the page about it."""
        finished = standing.finished
        standing.table = frame_of(row for key in plan.cells if key in finished for row in finished[key].rows)
        files = write_tables(folder, standing.table) if len(standing.table) else []
        if self.page is not None:
            files.append(folder / f"{self.name}.md")
            write_text_atomically(files[-1], self.page(standing, config))
        return files

    def _conclude(self, plan: RunPlan, config: C, folder: Path, standing: Standing) -> Results:
        with contextlib.suppress(OSError):  # it stays if a cell left a checkpoint there
            (folder / "work").rmdir()
        files, unwritten = [folder / "run.json"], []
        # A full disk must not hide the table of what is finished.
        try:
            files = [*self._write_tables(plan, config, folder, standing), *files]
            if not standing.failures and not standing.skipped:
                files.extend(self.figures(standing.table, config, folder))
        except OSError as error:
            unwritten.append(f"cannot write {error.filename or folder}: {error.strerror or error}")
        table = standing.table
        violations = tuple(self.violations(table, config)) if len(table) else ()
        failures, skipped = tuple(standing.failures), tuple(standing.skipped)
        return Results(table, failures, tuple(files), violations, skipped, tuple(unwritten))
