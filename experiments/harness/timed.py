"""Running cells against the clock: in order of worth, in one worker process, which is replaced when a cell is cut."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Generator, Mapping
from pathlib import Path

from experiments.harness.cells import Cell
from experiments.harness.code import code_digest
from experiments.harness.report import format_seconds
from experiments.harness.runner import Outcome, run_cell, threads_per_job


def run_in_time(cells: Mapping[str, Cell], folder: Path, *, deadline: float) -> Generator[Outcome, None, None]:
    """Run cells one at a time in the order given, and leave out those that would not fit.

    A cell starts only if its estimated time is left; it is cut when it has used up its own limit or the run's. A worker
    that failed or was cut is replaced, for a device error can poison every later call of a process.

    Args:
        cells: Cells by key, the most important first.
        folder: The results folder, which exists.
        deadline: When to be done, on the clock `time.monotonic`.
    """
    worker: Worker | None = None
    try:
        for key, cell in cells.items():
            left = deadline - time.monotonic()
            needed = cell.estimated_seconds()
            if needed > left:
                reason = f"it takes about {format_seconds(needed)}, {format_seconds(max(0.0, left))} were left"
                yield Outcome(key, cell.label, 0.0, f"not run: {reason}", skipped=True)
                continue
            worker = worker or Worker(folder)
            outcome = worker.run(cell, key, min(left, cell.limit_seconds()))
            if outcome.error is not None:
                worker.end()
                worker = None
            yield outcome
    finally:
        if worker is not None:
            worker.end()


class Worker:
    """A process that runs one cell after another and can be killed at any moment."""

    def __init__(self, folder: Path) -> None:
        """Start a process.

        Args:
            folder: The results folder.
        """
        import multiprocessing
        from concurrent.futures import ProcessPoolExecutor

        # Spawned, not forked: a process that has used CUDA cannot be forked.
        self._pool = ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn"))
        self._folder = folder
        self._process = self._pool.submit(os.getpid).result()
        self._busy = False

    def run(self, cell: Cell, key: str, seconds: float) -> Outcome:
        """Run a cell, for at most so many seconds; a failure, a cut or the death of the process is in the outcome."""
        from concurrent.futures.process import BrokenProcessPool

        started = time.monotonic()
        threads = threads_per_job(1)
        self._busy = True
        told = cell.within(seconds)
        how = {"code": code_digest(type(cell)), "threads": threads, "parent": os.getpid()}
        future = self._pool.submit(run_cell, told, key, cell.label, self._folder, **how)  # type: ignore[arg-type]
        try:
            outcome = future.result(None if math.isinf(seconds) else seconds)
            self._busy = False
            return outcome
        except TimeoutError:
            error = f"cut after {format_seconds(seconds)}, the time it had"
        except BrokenProcessPool:
            error = "its process died"
        return Outcome(key, cell.label, time.monotonic() - started, error)

    def end(self) -> None:
        """End the process, at once if it is in the middle of a cell."""
        if self._busy:
            with contextlib.suppress(ProcessLookupError):  # it died by itself
                os.kill(self._process, signal.SIGKILL)
        self._pool.shutdown(wait=True, cancel_futures=True)
