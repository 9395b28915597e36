"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.learning_error.cells import LearningCell
from experiments.learning_error.config import PRESETS, Config
from experiments.learning_error.enumerated_cell import EnumeratedCell
from experiments.learning_error.report import report
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """A cell for each network: languages with every knob, the base network on others, and the enumerated ones."""
    studied = [(name, network) for name in config.languages for network in config.networks()]
    studied += [(name, config.base) for name in config.schedule_languages if name not in config.languages]
    result: list[Cell] = [
        LearningCell(
            specification,
            content_digest(specification),
            length,
            config.seed,
            config.recipe,
            *network,
            config.steps,
            tuple(sorted(set(config.schedule_steps))) if network == config.base else (),
            tuple(sorted(set(config.revealed))),
            config.sequences,
            config.model_samples,
            device=config.device,
        )
        for specification, network in studied
        for length in config.lengths
    ]
    small = config.small_language
    result += [
        EnumeratedCell(
            small,
            content_digest(small),
            config.small_length,
            config.seed,
            config.recipe,
            *network,
            config.small_steps,
        )
        for network in config.small_networks()
    ]
    return result


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """ε against the knobs, predicted against measured, and the curve of the network with its schedule."""
    from experiments.learning_error.figures import draw_knobs, draw_predictions
    from experiments.learning_error.schedules_figure import draw_schedules

    return [
        *draw_knobs(table, folder, config),
        *draw_predictions(table, folder, config),
        *draw_schedules(table, folder, config),
    ]


EXPERIMENT = Experiment(
    name="learning_error",
    description="Learning error of trained networks, TER and SER predicted from it, and the schedules they recommend.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
