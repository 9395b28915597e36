"""What a cell says while its network trains."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import tell
from experiments.harness.report import format_seconds

if TYPE_CHECKING:
    from mdmtheory.training import TrainingRecord


def telling(workdir: Path, steps: int) -> Callable[[TrainingRecord], None]:
    """A function for the `progress` of `mdmtheory.training.train` that says how far a run is.

    Args:
        workdir: The folder of the cell.
        steps: Optimizer steps in all.
    """

    def show(record: TrainingRecord) -> None:
        left = record.seconds / record.step * (steps - record.step)
        tell(
            workdir,
            f"step {record.step} of {steps}, {record}, {format_seconds(left)} left",
        )

    return show
