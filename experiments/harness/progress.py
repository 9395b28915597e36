"""Progress over cells on standard error: a bar for people, one line per cell for log files."""

from __future__ import annotations

import contextlib
import sys
from types import TracebackType
from typing import Any, Self

from experiments.harness.report import format_seconds
from experiments.harness.runner import Outcome


class Progress:
    """Counts finished cells; use it as a context manager and call `advance` for each outcome.

    Args:
        total: Cells of the whole run.
        done: Cells that were finished before it.
        notice: A line to begin with, or nothing.
    """

    def __init__(self, total: int, done: int = 0, notice: str = ""):
        self.total, self.done, self.notice = total, done, notice
        self.bar: Any = None

    def __enter__(self) -> Self:
        if self.notice:
            self._line(self.notice)
        if sys.stderr.isatty():
            from tqdm import tqdm

            self.bar = tqdm(total=self.total, initial=self.done, unit="cell", file=sys.stderr, smoothing=0)
        elif self.done:
            self._line(f"{self.done} of {self.total} cells were finished before")
        return self

    def advance(self, outcome: Outcome) -> None:
        """Count one cell and say how it went; failures stay on the screen."""
        self.done += 1
        if self.bar is not None:
            self.bar.set_postfix_str(outcome.label, refresh=False)
            self.bar.update()
        if self.bar is None or outcome.error is not None:
            ended = "not run" if outcome.skipped else "failed"
            ending = format_seconds(outcome.seconds) if outcome.error is None else ended
            self._line(f"[{self.done}/{self.total}] {outcome.label}: {ending}")

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.bar is not None:
            with contextlib.suppress(OSError):  # the terminal may be gone
                self.bar.close()

    def _line(self, text: str) -> None:
        with contextlib.suppress(OSError):
            if self.bar is not None:
                self.bar.write(text, file=sys.stderr)
            else:
                print(text, file=sys.stderr, flush=True)
