"""What a training run says while it runs."""

from __future__ import annotations

import dataclasses
import math
import sys
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """One entry of the history: a window of steps.

    Attributes:
        step: Steps done at its end.
        loss: Mean loss over the window, nats per token.
        gap: Loss minus the entropy of the language per token: what is left to learn, up to the noise of the window. NaN
            where the entropy is not known.
        learning_rate: At its end.
        seconds: Training time at its end.
        tokens_per_second: Over the window, all devices together.
    """

    step: int
    loss: float
    gap: float
    learning_rate: float
    seconds: float
    tokens_per_second: float

    def __str__(self) -> str:
        gap = "" if math.isnan(self.gap) else f", gap to the optimum {self.gap:+.4f}"
        return f"loss {self.loss:.4f}{gap} nats/token, {self.tokens_per_second:,.0f} tokens/s"


Progress = bool | Callable[[TrainingRecord], None] | None
"""None: a bar if the error stream is a terminal; True or False: a bar or none; a function: called with every record."""


class ProgressDisplay:
    """A bar with loss, its distance from the optimum, tokens per second and time left; or a function of the records."""

    def __init__(self, progress: Progress, total: int, start: int, title: str) -> None:
        self._callback = progress if callable(progress) else None
        self._bar: Any = None
        shown = sys.stderr.isatty() if progress is None else progress is True
        if shown:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=start, desc=title, unit="step", mininterval=0.5, dynamic_ncols=True)

    def show(self, record: TrainingRecord, total: int) -> None:
        """Report a record.

        Args:
            record: The last window.
            total: Steps of the run, as things are.
        """
        if self._bar is not None:
            self._bar.total = total
            self._bar.update(record.step - self._bar.n)
            self._bar.set_postfix_str(str(record))
        if self._callback is not None:
            self._callback(record)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
