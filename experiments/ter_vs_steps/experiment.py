"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.shared.language_cell import content_digest
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.path_law import PathCell
from experiments.shared.published import TER_INCREASE_PERCENT, PublishedCell
from experiments.shared.trained_models import CAUSAL, ModelCell
from experiments.ter_vs_steps.config import PRESETS, Config
from experiments.ter_vs_steps.report import report

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """Path law, samples of the exact denoiser and trained models, for each language and length."""
    result: list[Cell] = []
    for specification in config.languages:
        for length in config.lengths:
            if config.published and (specification, length) in TER_INCREASE_PERCENT:
                result.append(PublishedCell(specification, length, config.steps))
            place = (specification, content_digest(specification), length, config.seed)
            result.append(PathCell(*place, config.steps, config.path_samples, device=config.device))
            result += [OracleCell(*place, n, config.samples, device=config.device) for n in config.steps]
            result += [
                ModelCell(
                    *place,
                    kind,
                    config.recipe,
                    () if kind in CAUSAL else config.model_steps,
                    config.model_samples,
                    config.path_samples,
                    device=config.device,
                )
                for kind in config.networks
            ]
    return result


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """TER increase and SER against steps."""
    from experiments.ter_vs_steps.figures import draw_steps_figures

    return draw_steps_figures(table, folder, config.languages)


EXPERIMENT = Experiment(
    name="ter_vs_steps",
    description="TER and SER against the number of sampling steps, on languages whose law is known exactly.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
