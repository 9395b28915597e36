"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.ledger.cells import LedgerCell, code_digest
from experiments.ledger.config import ALL, PRESETS, Config
from experiments.ledger.report import ledger_report, violations
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """One cell an entry; with languages, one for each of them and each length."""
    code, names = code_digest(config.modules), config.entries()
    if not config.languages:
        return [LedgerCell(name, code, config.modules) for name in names]
    return [
        LedgerCell(name, code, config.modules, language, content_digest(language), length)
        for name in names
        for language in config.languages
        for length in config.lengths
    ]


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """How tight each bound is."""
    from experiments.ledger.figures import draw_tightness

    return draw_tightness(table, folder)


EXPERIMENT = Experiment(
    name="ledger",
    description="Published and derived statements about parallel sampling, held against exact numbers.",
    presets=PRESETS,
    cells=cells,
    table=lambda table, config: ledger_report(table),
    figures=figures,
    violations=lambda table, config: violations(table, refusals=config.ids != ALL),
)
