"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.schedules.cells import SchedulesCell
from experiments.schedules.config import PRESETS, Config
from experiments.schedules.report import report
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """One for each language and length."""
    return [
        SchedulesCell(
            specification,
            content_digest(specification),
            length,
            config.seed,
            tuple(sorted(set(config.steps))),
            config.shown,
            config.ter_increase,
            config.ser,
            config.sequences,
            device=config.device,
        )
        for specification in config.languages
        for length in config.lengths
    ]


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """The schedules themselves, and the steps they need relative to uniform ones."""
    from experiments.schedules.figures import draw_schedules, draw_steps_needed

    return [
        *draw_schedules(table, folder, config.languages, config.shown),
        *draw_steps_needed(table, folder, config.languages),
    ]


EXPERIMENT = Experiment(
    name="schedules",
    description="Families of schedules at equal steps, and how many steps each needs at equal error.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
