"""The paper's table of TER increases beside ours, by law: does its shape in steps N and length L tell which law it is?

The exact denoiser on our languages under the path, the marginal and the generative law, and the paper's trained models.
Levels depend on the language and cannot agree; a law with the paper's shape has the paper's figures at a constant
multiple of its own. `python -m experiments.ter_vs_length` takes one or two minutes on two CPU cores.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.harness.report import aligned, summary
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest
from experiments.shared.published import STEPS, TER_INCREASE_PERCENT, PublishedCell
from experiments.ter_vs_length.cells import ChainLawsCell, SampledLawsCell
from experiments.ter_vs_length.long_chains import serves

if TYPE_CHECKING:
    import pandas


@dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Languages, lengths and steps of ours; the paper's rows for the same kinds of languages come whole.

    Attributes:
        steps: Numbers of sampling steps N.
        sample_steps: Those at which languages without exact calculators are sampled.
        samples: Sequences sampled at each of them.
        path_samples: Sequences for path laws and conflict curves that have to be estimated.
        kl_samples: Sequences for the marginal KL of first-order chains.
    """

    languages: tuple[str, ...] = ("2-gram", "3-gram", "4-gram", "2-gram:prune=0,concentration=3")
    lengths: tuple[int, ...] = (64, 256)
    steps: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    sample_steps: tuple[int, ...] = (8, 16, 32, 64)
    samples: int = 256
    path_samples: int = 48
    kl_samples: int = 256

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        with warnings.catch_warnings():
            # A language of full support is wanted here: its marginal law falls as 1/N².
            warnings.filterwarnings("ignore", message=".* supports every sequence of length .*")
            super().check()
        self.check_counts("steps", "sample_steps")
        self.check_counts("samples", "path_samples", "kl_samples", least=2)


SMOKE = Config(
    languages=("2-gram", "3-gram"),
    lengths=(16, 256, 512),
    steps=(64, 128),
    sample_steps=(64,),
    samples=4,
    path_samples=4,
    kl_samples=16,
)
PAPER = Config(
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, *STEPS),
    sample_steps=(8, 16, 32, 64, 128, 256, 512),
    samples=256,
    path_samples=96,
    kl_samples=512,
)
PRESETS = {"demo": Config(), "smoke": SMOKE, "paper": PAPER}


def cells(config: Config) -> Sequence[Cell]:
    """The paper's rows, and the three laws of each language."""
    from languages import language_from

    result: list[Cell] = []
    kinds = {specification.partition(":")[0] for specification in config.languages}
    result += [PublishedCell(kind, length, STEPS) for kind, length in TER_INCREASE_PERCENT if kind in kinds]
    for specification in config.languages:
        place = (specification, content_digest(specification))
        if serves(language_from(specification)):
            lengths = tuple(sorted(config.lengths))
            cell = (*place, lengths[-1], config.seed, lengths, config.steps, config.kl_samples)
            result.append(ChainLawsCell(*cell, device=config.device))
        else:
            rest = (config.steps, config.path_samples, config.sample_steps, config.samples)
            result += [
                SampledLawsCell(*place, length, config.seed, *rest, device=config.device) for length in config.lengths
            ]
    return result


def report(table: pandas.DataFrame, config: Config) -> str:
    """TER increases beside the paper's, exponents in N and L, the match of each law, and what follows."""
    from experiments.ter_vs_length.answers import answer, exponents, matches

    increase = table[table["metric"].isin(["ter_increase", "ter_increase_first_order"])].copy()
    increase[["value", "low", "high"]] *= 100
    increase["unit"] = "%"
    increase.loc[increase["method"] == "published", "law"] = "paper"
    order = {language: place for place, language in enumerate(config.languages)}
    increase = increase.sort_values("language", key=lambda names: names.map(order), kind="stable")
    narrow = (increase["high"] - increase["low"]) < 1e-3 * increase["value"]
    for name in ("low", "high"):
        increase[name] = increase[name].mask(narrow, increase["value"])
    increase["law"] = increase["law"].where(increase["metric"] == "ter_increase", "marginal, Σw²g")
    parts = [
        "TER increase over the truth in %: the paper's trained models, and the exact denoiser on our languages\n"
        + summary(increase, places=("language", "length", "law", "method")).text(),
        "Power laws ∝ N^b L^d fitted at N ≥ 64, 95 % intervals from the scatter\n" + aligned(exponents(table)),
        "The paper's figures over ours, same N and L: their mean is the languages' affair, a trend is not\n"
        + aligned(matches(table)),
        "Which law matches?\n" + "\n".join(f"- {line}" for line in answer(table)),
    ]
    return "\n\n".join(parts)


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
