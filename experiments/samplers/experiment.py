"""Every family of samplers on the same languages at equal network calls: what each gets wrong, and what it pays for.

SER, forward and generative TER and the total correlation paid, of every sampler of the registry with the exact
denoiser, set to the same mean numbers of network calls: does remasking repair, does confidence hurt, when does uniform
noise beat masking? `python -m experiments.samplers` runs in a few minutes; short sequences are exact by enumeration,
long ones estimated with intervals, or exact where a calculator serves.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Cell, Experiment
from experiments.harness.report import aligned, format_value
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, at which numbers of network calls.

    Attributes:
        budgets: Network calls at which samplers are compared; at length L those from L/16 up, below L.
        shown: Budgets whose every metric is printed, one for each length.
        samplers: Names of samplers to compare, such as remdm-cap; "all" for every one.
        sequences: Sequences sampled at each budget where nothing exact serves.
    """

    languages: tuple[str, ...] = ("2-gram:vocab=3,prune=0.1", "hmm:states=6,vocab=3,seed=4", "copy-pairs:symbols=3")
    lengths: tuple[int, ...] = (6, 64)
    budgets: tuple[int, ...] = (2, 3, 4, 5, 8, 16, 32)
    shown: tuple[int, ...] = (4, 16)
    samplers: tuple[str, ...] = ("all",)
    sequences: int = 1000

    def at(self, length: int) -> tuple[int, ...]:
        """The budgets at a length."""
        return tuple(sorted({budget for budget in self.budgets if length <= 16 * budget and budget < length}))

    def check(self) -> None:
        """Build every language and check every number and name before any work is done."""
        super().check()
        self.check_counts("budgets", least=2)
        self.check_counts("shown")
        self.check_counts("sequences", least=2)
        self.check_some("samplers")
        for length in self.lengths:
            if not self.at(length):
                raise ValueError(f"budgets must hold one from L/16 up and below L for L={length}, got {self.budgets}")
        from languages import language_from
        from mdmtheory.denoisers import UniformOracle

        for specification in self.languages:
            UniformOracle(language_from(specification))
        from experiments.samplers.settings import settings

        known = [setting.name for setting in settings()]
        for name in self.samplers:
            if name != "all" and name not in known:
                raise ValueError(f"samplers must be all or some of {', '.join(known)}; got {name!r}")


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("2-gram:vocab=2,prune=0.3,seed=3", "copy-pairs:symbols=2"),
        lengths=(4, 16),
        budgets=(2, 3, 6),
        shown=(3, 6),
        sequences=32,
    ),
    "paper": Config(
        languages=(
            "2-gram:vocab=3,prune=0.1",
            "2-gram",
            "3-gram:vocab=4",
            "walk:values=3,up=0.1,down=0",
            "hmm:states=6,vocab=3,seed=4",
            "hmm",
            "copy-pairs:symbols=3",
            "copy-pairs",
            "parity:block=4",
        ),
        lengths=(6, 64, 256, 512),
        budgets=(2, 3, 4, 5, 8, 16, 32, 64, 128, 256),
        shown=(4, 16, 64, 128),
        sequences=4000,
    ),
}


def cells(config: Config) -> Sequence[Cell]:
    """Two reference curves, then every sampler, for each language and length."""
    from experiments.samplers.cells import ReferenceCell, SamplerCell
    from experiments.samplers.comparison import ANCESTRAL, RANDOM
    from experiments.samplers.settings import settings

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


def report(table: pandas.DataFrame, config: Config) -> str:
    """The answers, then SER at every budget, then every metric at the budgets shown."""
    from experiments.samplers.comparison import answers

    parts = ["\n".join(answers(table)), *_errors(table), *_everything(table, config.shown)]
    parts.append(
        "×: SER over that of ancestral sampling (Bernoulli reveals, uniform steps) at the same mean network calls.\n"
        "Samplers joined by = agree in every number: the same law, drawn with the same keys."
    )
    return "\n\n".join(parts)


def _errors(table: pandas.DataFrame) -> list[str]:
    """One table a language and length: budgets across, samplers by their median ratio to ancestral sampling."""
    from experiments.samplers.comparison import compared, median_ratio, same_law

    parts = []
    for (language, length), rows in compared(table).groupby(["language", "length"], sort=False):
        budgets = sorted(set(rows["budget"]))
        lines = []
        for name, one in sorted(same_law(rows), key=lambda pair: median_ratio(pair[1])):
            at = {row["budget"]: row for row in one.to_dict("records")}
            cells = [_error(at[budget]) if budget in at else "" for budget in budgets]
            lines.append([name, one["group"].iloc[0], *cells])
        title = f"{language}, L = {length}: SER × ratio to ancestral @ calls made; best median ratio first"
        head = ["sampler", "kind", *(f"{budget} calls" for budget in budgets)]
        parts.append(f"{title}\n{aligned([head, *lines])}")
    return parts


def _error(row: Mapping[Any, Any]) -> str:
    ratio = "" if math.isnan(row["ratio"]) else f" ×{row['ratio']:.2f}"
    return f"{row['value']:.3g}{ratio} @{row['calls']:.3g}"


def _everything(table: pandas.DataFrame, shown: Sequence[int]) -> list[str]:
    """One table a language, length and shown budget: all metrics, least SER first."""
    from experiments.samplers.comparison import compared, same_law

    parts = []
    for (language, length), rows in compared(table).groupby(["language", "length"], sort=False):
        budget = max((b for b in shown if b in set(rows["budget"])), default=0)
        rows = rows[rows["budget"] == budget]
        here = table[(table["language"] == language) & (table["length"] == length) & (table["budget"] == budget)]
        here = here[here["group"] != "reference"]
        lines = []
        for name, one in sorted(same_law(rows), key=lambda pair: float(pair[1]["value"].iloc[0])):
            row = one.iloc[0]
            found = {
                (other["metric"], other["law"]): format_value(*(other[c] for c in ("value", "low", "high", "method")))
                for other in here[here["sampler"] == row["sampler"]].to_dict("records")
            }
            ratio = "" if math.isnan(row["ratio"]) else f"{row['ratio']:.2f}"
            places = [("ser", "marginal"), ("ter_increase", "marginal"), ("kl", "path"), ("ter", "generative")]
            lines.append([name, f"{row['calls']:.3g}", ratio, *(found.get(place, "") for place in places)])
        head = ["sampler", "calls", "×", "SER", "forward TER increase", "TC paid (nats)", "generative TER"]
        parts.append(
            f"{language}, L = {length}, {budget} calls: every metric, least SER first\n{aligned([head, *lines])}"
        )
    return parts


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
