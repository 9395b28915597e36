"""The experiment: its cells, tables and figures."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.ser_vs_steps.cells import ExponentCell, SequenceErrorCell
from experiments.ser_vs_steps.config import PRESETS, Config, linear_steps
from experiments.ser_vs_steps.report import proportional, report
from experiments.shared.language_cell import content_digest, language_of
from experiments.shared.oracle_samples import OracleCell

if TYPE_CHECKING:
    import pandas


def cells(config: Config) -> Sequence[Cell]:
    """Calculators, samples and the exponent of each language."""
    from mdmtheory.exact.uniform_steps import has_calculator

    result: list[Cell] = []
    for specification in config.languages:
        content = content_digest(specification)
        calculated = has_calculator(language_of(specification))
        for length in sorted({*config.lengths, *config.ratio_lengths}):
            place = (specification, content, length, config.seed)
            swept, proportional = length in config.lengths, length in config.ratio_lengths
            linear = {linear_steps(ratio, length) for ratio in config.ratios} if proportional else set()
            steps = tuple(sorted({*config.steps, *linear} if swept else linear))
            if swept or calculated:
                cell = SequenceErrorCell(*place, steps, swept, config.conflict_samples, device=config.device)
                result.append(cell)
            sampled = set(config.sample_steps) if swept else set()
            if not calculated and length <= config.sampled_up_to:
                sampled |= linear
            result += [OracleCell(*place, n, config.samples, device=config.device) for n in sorted(sampled)]
        place = (specification, content, config.long_length, config.seed)
        result.append(ExponentCell(*place, config.exponent_steps, device=config.device))
    return result


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """SER against steps; SER against length at N = C·L."""
    from experiments.ser_vs_steps.figures import draw_linear_steps, draw_sequence_errors

    paths = draw_sequence_errors(
        table, folder, config.languages, config.lengths, {*config.steps, *config.sample_steps}, config.sample_steps
    )
    return [*paths, *draw_linear_steps(proportional(table, config), folder, config.languages)]


EXPERIMENT = Experiment(
    name="ser_vs_steps",
    description="SER against the number of steps and along N = C·L, exact and estimated, with its first-order law.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)
