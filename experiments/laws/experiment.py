"""Path law against marginal law: by how much the NELBO of an N-step sampler overstates the error of its sequences.

The path law is that of sequence and reveal order together, and what an N-step NELBO measures; the marginal law is that
of the sequences that come out. Where every sequence is possible the KL of the first falls as 1/N, that of the second as
1/N²; pruned languages, in which some sequences are impossible, bring back a term of order 1/N, the rate of
contradictions between tokens revealed together. `python -m experiments.laws` shows both, exactly, in about a minute.
"""

from __future__ import annotations

import dataclasses
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.harness.report import summary
from experiments.laws.cells import LawsCell, has_laws
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, and how many steps.

    Attributes:
        languages: First-order chains (1-gram, 2-gram, repeat, walk, cycle, text of order 2) and block languages
            (copy-pairs, parity, mds).
        steps: Numbers of uniform sampling steps N.
        sequences: Sequences for marginal laws of chains with too many sequences to enumerate.
    """

    languages: tuple[str, ...] = (
        "2-gram:vocab=4,prune=0",
        "2-gram:vocab=4,prune=0.02",
        "2-gram:vocab=4,prune=0.05",
        "copy-pairs:symbols=4",
    )
    lengths: tuple[int, ...] = (6, 24)
    steps: tuple[int, ...] = (1, 4, 16, 64, 256, 1024)
    sequences: int = 256

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        with warnings.catch_warnings():
            # Here languages that support every sequence are half of the point.
            warnings.filterwarnings("ignore", message=".*supports every sequence")
            super().check()
        from languages import language_from

        self.check_counts("steps")
        self.check_counts("sequences", least=2)
        for specification in self.languages:
            if not has_laws(language_from(specification)):
                raise ValueError(
                    f"languages: the marginal law of {specification!r} is not known exactly; take first-order chains "
                    "(2-gram, walk, repeat, cycle, text of order 2) or block languages (copy-pairs, parity, mds)"
                )


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("2-gram:vocab=3,prune=0", "2-gram:vocab=3,prune=0.2", "copy-pairs:symbols=4"),
        lengths=(5,),
        steps=(1, 4, 16, 64),
        sequences=32,
    ),
    "paper": Config(
        languages=(
            "2-gram:prune=0",
            "2-gram:prune=0.02",
            "2-gram",
            "walk:values=8,up=0.05,down=0.05",
            "copy-pairs:symbols=16",
        ),
        lengths=(5, 32, 64),
        steps=tuple(2**k for k in range(12)),
        sequences=1024,
    ),
}


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


def report(table: pandas.DataFrame, config: Config) -> str:
    """Ratio of the laws, the order at which each falls, both laws in nats, and what N·KL tends to."""
    places = ("language", "length", "law", "method")

    def part(title: str, metric: str) -> str:
        rows = table[table["metric"] == metric]
        return f"{title}\n{summary(rows, places=places).text()}"

    parts = [
        part("KL(q‖p) of the exact denoiser, nats for the whole sequence", "kl"),
        part("Path KL / marginal KL: by how much a NELBO overstates the error of the sequences", "path_over_marginal"),
        part(
            "Order: between the last number of steps and this one the KL falls as N^−order (exact laws only)", "order"
        ),
        part("SER, the share of impossible sequences: what brings the 1/N term of the marginal KL", "ser"),
    ]
    if (table["metric"] == "surprise_excess").any():
        title = "Generative law: E_p[−log q°] − E_q[−log q°], nats for the whole sequence; its sign is free"
        parts.append(part(title, "surprise_excess"))
    parts.append(_constants(table))
    return "\n\n".join(parts)


def _constants(table: pandas.DataFrame) -> str:
    """N·KL at the most steps, beside its limit."""
    last = table[(table["metric"] == "kl") & (table["steps"] == table["steps"].max())].copy()
    for column in ("value", "low", "high"):
        last[column] *= last["steps"].astype("float64")
    last["what"] = "N·KL, N = " + last["steps"].astype("str")
    limits = table[table["metric"] == "kl_constant"].copy()
    limits["what"] = "limit"
    import pandas

    both = pandas.concat([last, limits])
    # Two methods side by side on one line: each is formatted by its own.
    lines = summary(both, across="what", places=("language", "length", "law")).text()
    return (
        f"N·KL at the most steps beside its limit, h(1)/2 (path) and ∫g (marginal; 0: falls faster than 1/N)\n{lines}"
    )


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
