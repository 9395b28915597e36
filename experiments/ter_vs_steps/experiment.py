"""How token errors (TER) and sequence errors (SER) of a masked diffusion model fall with the number of steps.

On languages whose law is known exactly: the exact denoiser, a trained masked diffusion model and a trained
autoregressive one, side by side. `python -m experiments.ter_vs_steps` runs the demo preset in a few minutes on two CPU
cores; `--preset paper-oracle` recomputes the paper's table without training; `--preset paper` trains as the paper does.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from experiments.harness import Cell, Experiment
from experiments.harness.report import summary
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.path_law import PathCell
from experiments.shared.published import TER_INCREASE_PERCENT, PublishedCell
from experiments.shared.trained_models import ModelCell, Network, training_config

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """What to compare, and how hard to look.

    Attributes:
        steps: Numbers of sampling steps N for the exact denoiser.
        models: Which networks to train: mdm, sedd-absorb, sedd-uniform, uniform (noise), d3pm-uniform, ar; or none.
        model_steps: Numbers of sampling steps at which a trained diffusion model is measured.
        recipe: Training recipe: smoke, demo or paper.
        samples: Sequences sampled from the exact denoiser at each N.
        model_samples: Sequences sampled from a trained model at each N.
        path_samples: Sequences for path laws that have to be estimated.
        published: Whether the paper's figures are printed beside ours, where it has any.
    """

    steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    models: tuple[Literal[Network, "none"], ...] = ("mdm", "ar")
    model_steps: tuple[int, ...] = (1, 4, 16, 64, 256)
    recipe: str = "demo"
    samples: int = 1024
    model_samples: int = 256
    path_samples: int = 512
    published: bool = False

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks to train."""
        return tuple(kind for kind in self.models if kind != "none")

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_some("models")
        self.check_counts("steps", *(["model_steps"] if self.networks else []))
        self.check_counts("samples", "model_samples", "path_samples", least=2)
        if self.networks:
            for network in self.networks:
                training_config(self.recipe, network)


SMOKE = Config(
    languages=("2-gram", "hmm"),
    lengths=(16,),
    steps=(1, 4, 16),
    model_steps=(4,),
    recipe="smoke",
    samples=64,
    model_samples=16,
    path_samples=32,
)
PAPER_ORACLE = Config(
    languages=("2-gram", "3-gram", "4-gram", "hmm"),
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    models=("none",),
    samples=64,
    path_samples=96,
    published=True,
)
PAPER = dataclasses.replace(
    PAPER_ORACLE, models=("mdm", "ar"), model_steps=PAPER_ORACLE.steps, recipe="paper", model_samples=1024, samples=1024
)
NOISES = Config(
    languages=("2-gram",), models=("mdm", "sedd-absorb", "sedd-uniform", "uniform"), steps=(1, 4, 16, 64, 256)
)
PRESETS = {"demo": Config(), "noises": NOISES, "smoke": SMOKE, "paper": PAPER, "paper-oracle": PAPER_ORACLE}


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
                    () if kind == "ar" else config.model_steps,
                    config.model_samples,
                    config.path_samples,
                    device=config.device,
                )
                for kind in config.networks
            ]
    return result


def report(table: pandas.DataFrame, config: Config) -> str:
    """The table that matters: TER increase in percent and SER, against steps; AR models apart, they have no N."""
    parts = []
    increase = table[(table["metric"] == "ter_increase") & (table["denoiser"] != "ar")].copy()
    increase[["value", "low", "high"]] *= 100
    increase["unit"] = "%"
    places = ("language", "length", "denoiser", "method")
    parts.append(
        "TER increase over the truth, TER(p)/TER(q) − 1 (path law), in %\n" + summary(increase, places=places).text()
    )
    errors = table[(table["metric"] == "ser") & (table["denoiser"] != "ar")]
    parts.append("SER, the share of sequences outside the language\n" + summary(errors, places=places).text())
    autoregressive = table[(table["denoiser"] == "ar") & table["metric"].isin(["ter_increase", "ser"])]
    if len(autoregressive):
        levels = summary(autoregressive, across="metric", places=("language", "length", "denoiser"))
        parts.append("Autoregressive, one token a step (ter_increase as a ratio)\n" + levels.text())
    return "\n\n".join(parts)


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
