"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.laws.cells import LawsCell
from experiments.laws.config import PRESETS, Config
from experiments.laws.report import report
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """One for each language and length."""
    steps = tuple(sorted(set(config.steps)))
    return [
        LawsCell(
            specification, content_digest(specification), n, config.seed, steps, config.sequences, device=config.device
        )
        for specification in config.languages
        for n in config.lengths
    ]


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """Both laws against steps, one panel a language."""
    from experiments.laws.figures import draw_laws

    return draw_laws(table, folder, config.languages)


EXPERIMENT = Experiment(
    name="laws",
    description="Path law against marginal law: by how much a NELBO overstates the error of a sampler.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
