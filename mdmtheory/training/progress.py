"""What a training run says while it runs."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Callable
from typing import Any


@dataclasses.dataclass(frozen=True)
class TrainingRecord:
    """One entry of the history: a window of steps.

    Attributes:
        step: Steps done at its end.
        loss: Mean loss over the window, nats per token.
        gap: Loss minus the entropy of the language per token: what is left to learn, up to the noise of the window.
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


Progress = bool | Callable[[TrainingRecord], None] | None
"""None: a bar if the error stream is a terminal; True or False: a bar or none; a function: called with every record."""


class ProgressDisplay:
    """A progress bar with loss, gap to the optimum and tokens per second, or a function that gets the records."""

    def __init__(self, progress: Progress, total: int, start: int, title: str) -> None:
        self._callback = progress if callable(progress) else None
        self._bar: Any = None
        shown = sys.stderr.isatty() if progress is None else progress is True
        if shown:
            from tqdm import tqdm

            self._bar = tqdm(total=total, initial=start, desc=title, unit="step", mininterval=0.5, dynamic_ncols=True)

    def show(self, record: TrainingRecord) -> None:
        """Report a record."""
        if self._bar is not None:
            self._bar.update(record.step - self._bar.n)
            self._bar.set_postfix_str(
                f"loss {record.loss:.4f}, gap {record.gap:+.4f} nats/token, {record.tokens_per_second:,.0f} tokens/s"
            )
        if self._callback is not None:
            self._callback(record)

    def close(self) -> None:
        """Leave the bar as it is."""
        if self._bar is not None:
            self._bar.close()
