"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.samplers.cells import ReferenceCell, SamplerCell
from experiments.samplers.comparison import ANCESTRAL, RANDOM
from experiments.samplers.config import PRESETS, Config
from experiments.samplers.report import report
from experiments.samplers.settings import settings
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """Two reference curves, then every sampler, for each language and length."""
    chosen = [s for s in settings() if "all" in config.samplers or s.name in config.samplers]
    result: list[Cell] = []
    for specification in config.languages:
        for length in config.lengths:
            place = (specification, content_digest(specification), length, config.seed)
            budgets = config.at(length)
            result += [
                ReferenceCell(*place, family, budgets, config.sequences, device=config.device)
                for family in (ANCESTRAL, RANDOM)
            ]
            result += [
                SamplerCell(*place, setting, budgets, config.sequences, device=config.device) for setting in chosen
            ]
    return result


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """SER against calls at each length, and KL where it is exact."""
    from experiments.samplers.figures import draw_errors, draw_kl

    return [*draw_errors(table, folder, config.languages), *draw_kl(table, folder, config.languages)]


EXPERIMENT = Experiment(
    name="samplers",
    description="Every family of samplers on exact languages at equal network calls.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
