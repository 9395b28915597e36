"""How many steps a better schedule saves: families of schedules at equal steps, and at equal error.

Uniform steps (the log-linear noise of published samplers) and cosine against schedules made for a language: least path
KL by dynamic programming, least SER by gradient, the square-root densities that approximate both, and schedules that
reveal fixed numbers of positions. `python -m experiments.schedules` runs in a minute or two; curves, path laws and SER
of the default languages are exact, but for the hidden Markov model, whose curves are sampled.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.harness.report import aligned, summary
from experiments.schedules.cells import SchedulesCell
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, how many steps, and which errors are good enough.

    Attributes:
        steps: Numbers of steps N at which all families are compared.
        shown: The N at which the schedules themselves are drawn.
        ter_increase: Target of TER(p)/TER(q) − 1, path law, as a ratio.
        ser: Target of the SER.
        sequences: Sequences for information and conflict curves that have to be sampled.
    """

    languages: tuple[str, ...] = (
        "2-gram:vocab=4,prune=0.05",
        "walk:values=4,up=0.05,down=0",
        "repeat:symbols=8",
        "copy-pairs:symbols=16",
        "hmm",
    )
    lengths: tuple[int, ...] = (32,)
    steps: tuple[int, ...] = (4, 8, 16, 32)
    shown: int = 16
    ter_increase: float = 0.01
    ser: float = 0.1
    sequences: int = 512

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_counts("steps", "shown")
        self.check_counts("sequences", least=2)
        if not self.ter_increase > 0:
            raise ValueError(f"ter_increase must be positive, got {self.ter_increase}")
        if not 0 < self.ser < 1:
            raise ValueError(f"ser must lie strictly between 0 and 1, got {self.ser}")


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("walk:values=3,up=0.1,down=0", "copy-pairs:symbols=4", "hmm:states=4,vocab=4"),
        lengths=(8,),
        steps=(2, 4),
        shown=4,
        ter_increase=0.05,
        ser=0.2,
        sequences=32,
    ),
    "paper": Config(
        languages=("2-gram", "walk:values=8,up=0.05,down=0.05", "topics", "repeat:symbols=8", "hmm", "3-gram"),
        lengths=(64, 256),
        steps=(4, 8, 16, 32, 64, 128, 256),
        shown=32,
        ser=0.5,
        sequences=4096,
    ),
}


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


def report(table: pandas.DataFrame, config: Config) -> str:
    """Steps needed and saved, then errors at equal steps."""
    parts = [_needed(table)]
    for metric, title in (
        ("ter_increase", "TER increase over the truth, TER(p)/TER(q) − 1 (path law), in %"),
        ("ser", "SER, the share of sequences outside the language (marginal law; fixed sizes: not known exactly)"),
    ):
        rows = table[table["metric"] == metric].copy()
        if not len(rows):
            continue
        if metric == "ter_increase":
            rows[["value", "low", "high"]] *= 100
        # Rows that say how many steps at each place: families stand across.
        lines = summary(rows, across="sampler", places=("language", "length", "method", "steps"))
        parts.append(f"{title}\n{lines.text()}")
    parts.append("tc-sizes and dtc-sizes: the longest such schedule of at most N steps.")
    return "\n\n".join(parts)


def _needed(table: pandas.DataFrame) -> str:
    """Steps needed for each target, with the share saved against uniform steps; families stand across."""
    rows = table[table["metric"] == "steps_needed"]
    ratios = table[table["metric"] == "steps_ratio"].set_index(["language", "length", "target", "sampler"])["value"]
    families = list(dict.fromkeys(rows["sampler"]))
    lines: dict[tuple[str, str, str], dict[str, str]] = {}
    for row in rows.to_dict("records"):
        place = row["language"], str(row["length"]), row["target"]
        change = round(100 * (ratios[row["language"], row["length"], row["target"], row["sampler"]] - 1))
        text = f"{row['value']:g}"
        if row["low"] < row["high"]:
            text += f" [{row['low']:g}, {row['high']:g}]"
        if row["sampler"] != "uniform":
            text += f" ({change:+d} %)"
        lines.setdefault(place, {})[row["sampler"]] = text
    body = [[*place, *(found.get(name, "") for name in families)] for place, found in lines.items()]
    title = "Steps needed for an error, and the change against uniform steps (TER: path law, SER: marginal law)"
    return f"{title}\n{aligned([['language', 'length', 'error', *families], *body])}"


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
