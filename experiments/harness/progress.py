"""Progress on standard error: a bar over the expected work for people, lines for log files, and what is under way.

A cell under way counts by the time it has taken, up to what it was expected to take; it may say more itself, in a line
that it leaves in its folder (`tell`).
"""

from __future__ import annotations

import contextlib
import sys
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from experiments.harness.report import format_seconds
from experiments.harness.run_plan import RunPlan
from experiments.harness.runner import Outcome
from experiments.harness.telling import told

REDRAWN_SECONDS = 1.0
LINE_SECONDS = 60.0
"""How often a log file hears of a cell that takes long."""
NEARLY = 0.98
"""Share of its expected work at which a cell under way stands until it ends."""


class Progress:
    """Counts finished cells; use it as a context manager and call `advance` for each outcome.

    Args:
        plan: The cells, those that are finished, and how many run at once.
        folder: The results folder, where cells under way say what they do.
    """

    def __init__(self, plan: RunPlan, folder: Path):
        self.plan, self.folder = plan, folder
        self.done, self.bar = len(plan.finished), cast(Any, None)
        self.waiting = list(plan.pending)
        self.running: dict[str, float] = {}
        self.finished_work = 0.0
        self.started = self.said = time.monotonic()
        self._ended = threading.Event()
        self._lock = threading.Lock()

    def __enter__(self) -> Self:
        if notice := self.plan.about_old():
            self._line(notice)
        if sys.stderr.isatty():
            from tqdm import tqdm

            layout = "{percentage:3.0f} %|{bar:20}| {elapsed} < {remaining}{postfix}"
            work = max(1e-9, self.plan.work_seconds())
            self.bar = tqdm(total=work, bar_format=layout, file=sys.stderr, smoothing=0, dynamic_ncols=True)
        elif self.done:
            self._line(f"{self.done} of {len(self.plan.cells)} cells were finished before")
        self._start()
        threading.Thread(target=self._watch, name="progress", daemon=True).start()
        return self

    def advance(self, outcome: Outcome) -> None:
        """Count one cell and say how it went; failures stay on the screen."""
        with self._lock:
            self.done += 1
            self.running.pop(outcome.key, None)
            with contextlib.suppress(ValueError):
                self.waiting.remove(outcome.key)
            self.finished_work += self.plan.cells[outcome.key].estimated_seconds()
            self._start()
            if self.bar is None or outcome.error is not None:
                ended = "not run" if outcome.skipped else "failed"
                ending = format_seconds(outcome.seconds) if outcome.error is None else ended
                self._line(f"[{self.done}/{len(self.plan.cells)}] {outcome.label}: {ending}")
            self._show()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._ended.set()
        with self._lock, contextlib.suppress(OSError):  # the terminal may be gone
            if self.bar is not None:
                self.bar.close()

    def under_way(self) -> str:
        """What is being done: the cell that has taken longest, how far it is, and how many others run beside it."""
        if not self.running:
            return ""
        key, since = min(self.running.items(), key=lambda item: item[1])
        cell = self.plan.cells[key]
        doing = told(self.folder, key) or (
            f"{format_seconds(time.monotonic() - since)} of about {format_seconds(cell.estimated_seconds())}"
        )
        others = f", {len(self.running) - 1} more" if len(self.running) > 1 else ""
        return f"{cell.label}: {doing}{others}"

    def work_done(self) -> float:
        """Expected seconds of the work that is done."""
        now = time.monotonic()
        parts = (
            min(now - since, NEARLY * self.plan.cells[key].estimated_seconds()) for key, since in self.running.items()
        )
        return self.finished_work + sum(parts)

    def _start(self) -> None:
        """Workers take the first of the cells that wait."""
        while self.waiting and len(self.running) < self.plan.jobs:
            self.running[self.waiting.pop(0)] = time.monotonic()

    def _watch(self) -> None:
        while not self._ended.wait(REDRAWN_SECONDS):
            with self._lock:
                self._show()

    def _show(self) -> None:
        if self.bar is not None:
            self.bar.set_postfix_str(f"{self.done}/{len(self.plan.cells)} cells; {self.under_way()}", refresh=False)
            with contextlib.suppress(OSError):
                self.bar.n = min(self.work_done(), self.bar.total)
                self.bar.refresh()
        elif self.running and time.monotonic() - self.said >= LINE_SECONDS:
            self._line(f"[{self.done}/{len(self.plan.cells)}] {self.under_way()}")

    def _line(self, text: str) -> None:
        self.said = time.monotonic()
        with contextlib.suppress(OSError):
            if self.bar is not None:
                self.bar.write(text, file=sys.stderr)
            else:
                print(text, file=sys.stderr, flush=True)
