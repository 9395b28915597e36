"""Cells that sleep, fail or die on demand; importable, because workers that are spawned import them."""

from __future__ import annotations

import dataclasses
import math
import os
import time
from pathlib import Path

from experiments.harness import Cell, Experiment, ExperimentConfig, Row


@dataclasses.dataclass(frozen=True)
class TimedCell(Cell):
    """One row that holds the process it was made in."""

    name: str
    does: str = "nothing"
    estimate: float = 0.0
    limit: float = math.inf
    told: float = math.inf

    def fields(self) -> dict[str, str]:
        return {"name": self.name}

    @property
    def label(self) -> str:
        return self.name

    def estimated_seconds(self) -> float:
        return self.estimate

    def estimated_bytes(self) -> float:
        return 1.0

    def limit_seconds(self) -> float:
        return self.limit

    def within(self, seconds: float) -> TimedCell:
        return dataclasses.replace(self, told=seconds)

    def run(self, workdir: Path) -> list[Row]:
        if self.does == "sleep":
            time.sleep(60)
        if self.does == "die":
            os._exit(9)
        if self.does == "fail":
            raise RuntimeError("it failed")
        places = {"language": self.name, "length": None, "denoiser": "", "sampler": "", "steps": None}
        pid = self.told if self.does == "tell" else float(os.getpid())
        return [Row(metric="pid", law="", value=pid, low=pid, high=pid, method="measured", unit="", **places)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class TimedConfig(ExperimentConfig):
    """How long.

    Attributes:
        seconds: Time of the run.
    """

    seconds: float = 60.0


def timed_experiment(cells: list[TimedCell], pages: list[tuple[int, int, int, int]]) -> Experiment[TimedConfig]:
    """An experiment whose page notes how many cells are finished, failed, left out and waiting."""

    def page(standing, config) -> str:
        pages.append((len(standing.table), len(standing.failures), len(standing.skipped), len(standing.waiting)))
        return f"{len(standing.table)} rows\n"

    return Experiment(
        name="timed",
        description="Cells against the clock.",
        presets={"only": TimedConfig()},
        cells=lambda config: cells,
        time_limit=lambda config: config.seconds,
        page=page,
    )
