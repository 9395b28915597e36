"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.shared.language_cell import content_digest, language_of
from experiments.shared.published import STEPS, TER_INCREASE_PERCENT, PublishedCell
from experiments.ter_vs_length.cells import ChainLawsCell, SampledLawsCell
from experiments.ter_vs_length.config import PRESETS, Config
from experiments.ter_vs_length.report import report

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """The paper's rows, and the three laws of each language."""
    from languages import LanguageSpec
    from mdmtheory.estimates.long_chains import serves

    result: list[Cell] = []
    kinds = {LanguageSpec.parse(specification).kind for specification in config.languages}
    result += [PublishedCell(kind, length, STEPS) for kind, length in TER_INCREASE_PERCENT if kind in kinds]
    for specification in config.languages:
        place = (specification, content_digest(specification))
        if serves(language_of(specification)):
            lengths = tuple(sorted(config.lengths))
            cell = (*place, lengths[-1], config.seed, lengths, config.steps, config.kl_samples)
            result.append(ChainLawsCell(*cell, device=config.device))
        else:
            rest = (config.steps, config.path_samples, config.sample_steps, config.samples)
            result += [
                SampledLawsCell(*place, length, config.seed, *rest, device=config.device) for length in config.lengths
            ]
    return result


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """TER increase against steps with the ratio to the paper's below, and against length."""
    from experiments.ter_vs_length.figures import draw_against_length, draw_against_steps

    return [*draw_against_steps(table, folder, config.languages), *draw_against_length(table, folder, config.languages)]


EXPERIMENT = Experiment(
    name="ter_vs_length",
    description="The paper's TER increases beside the path, marginal and generative law of the exact denoiser.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
