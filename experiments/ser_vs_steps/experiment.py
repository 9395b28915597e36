"""How the sequence error rate (SER) falls with the number of steps, and why steps must grow with the length.

SER of the exact denoiser with uniform steps: exact where a calculator knows it, estimated from samples beside it, and
its first-order law 1 − exp(−Σ w²g). Then N = C·L: along L at fixed C the SER does not fall but tends to 1 − e^{−κ/C},
so N ≈ κL/(−ln(1 − SER)) steps are needed. `python -m experiments.ser_vs_steps` takes about a minute on two CPU cores.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment
from experiments.harness.report import summary
from experiments.ser_vs_steps.cells import TARGET, ExponentCell, SequenceErrorCell, has_calculator
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import content_digest
from experiments.shared.oracle_samples import OracleCell

if TYPE_CHECKING:
    import pandas


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Languages, the steps of the sweep at each length, and the lengths of the runs with N = C·L.

    Attributes:
        steps: Numbers of sampling steps N of the sweep.
        sample_steps: Those at which sequences are sampled too.
        samples: Sequences sampled at each N.
        ratios: C of the runs with N = C·L.
        ratio_lengths: Lengths L of these runs.
        sampled_up_to: Longest of them at which languages without an exact calculator are sampled.
        conflict_samples: Sequences for conflict curves that have to be estimated.
        exponent_steps: Numbers of steps N at which the error exponent is held against κ.
        long_length: Length at which the linear law names a number of steps.
    """

    languages: tuple[str, ...] = ("2-gram", "3-gram", "hmm", "copy-pairs:symbols=16")
    steps: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
    sample_steps: tuple[int, ...] = (1, 4, 16, 64, 256)
    samples: int = 1024
    ratios: tuple[float, ...] = (0.5, 0.676, 1.0, 2.0)
    ratio_lengths: tuple[int, ...] = (16, 32, 64, 128, 256)
    sampled_up_to: int = 128
    conflict_samples: int = 512
    exponent_steps: tuple[int, ...] = (4, 16, 64, 256)
    long_length: int = 1024

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_some("ratios")
        self.check_counts("steps", "sample_steps", "ratio_lengths", "exponent_steps", "long_length")
        self.check_counts("samples", "conflict_samples", least=2)
        self.check_counts("sampled_up_to", least=0)
        for ratio in self.ratios:
            if not (ratio > 0 and math.isfinite(ratio)):
                raise ValueError(f"ratios must be positive numbers C of N = C·L, got {ratio!r}")


SMOKE = Config(
    languages=("2-gram", "hmm", "copy-pairs:symbols=16"),
    lengths=(12,),
    steps=(1, 4, 16),
    sample_steps=(4,),
    samples=64,
    ratios=(0.5, 1.0),
    ratio_lengths=(8, 16),
    sampled_up_to=8,
    conflict_samples=16,
    exponent_steps=(4, 16),
    long_length=128,
)
PAPER = Config(
    languages=("2-gram", "3-gram", "4-gram", "hmm", "copy-pairs:symbols=16", "parity:block=4"),
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    sample_steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    samples=1024,
    ratio_lengths=(64, 128, 256, 512, 1024),
    sampled_up_to=256,
    conflict_samples=256,
    exponent_steps=(16, 64, 256, 1024),
    long_length=8192,
)
PRESETS = {"demo": Config(), "smoke": SMOKE, "paper": PAPER}


def linear_steps(ratio: float, length: int) -> int:
    """N = ⌊C·L⌋, at least one: with no more steps than C·L the lower bounds on SER apply."""
    return max(1, math.floor(ratio * length + 1e-9))


def cells(config: Config) -> Sequence[Cell]:
    """Calculators, samples and the exponent of each language."""
    from languages import language_from

    result: list[Cell] = []
    for specification in config.languages:
        content = content_digest(specification)
        calculated = has_calculator(language_from(specification))
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


def report(table: pandas.DataFrame, config: Config) -> str:
    """SER against steps, SER at N = C·L, and the exponent."""
    import pandas

    sweep = table[
        table["length"].isin(config.lengths)
        & table["steps"].isin(config.sample_steps)  # the lines between fill the figure
        & table["metric"].isin(["ser", "ser_first_order"])
    ]
    parts = [
        "SER, the share of sequences outside the language, against steps N; ser_first_order is 1 − exp(−Σ w²g)\n"
        + summary(settled(sweep), places=("language", "length", "metric", "method")).text()
    ]
    linear = proportional(table, config)
    if len(linear):
        parts.append(
            "SER at N = ⌊C·L⌋: it does not fall with the length, but tends to 1 − exp(−κ/C) (length inf)\n"
            "calculated: exact, or extrapolated to the digits shown; samples: κ estimated at a length of the sweep\n"
            + summary(settled(linear), across="length", places=("language", "C", "by")).text()
        )
    exponents = table[table["metric"] == "error_exponent"].copy()
    for name in ("value", "low", "high"):
        exponents[name] *= exponents["steps"].astype("float64")
    exponents["steps"] = exponents["steps"].astype(object)
    limits = table[(table["metric"] == "kappa") & (table["length"] == config.long_length)].copy()
    limits["steps"] = math.inf
    if len(exponents):
        both = pandas.concat([exponents, limits.astype({"steps": object})])
        parts.append(
            "Error exponent: −N ln λ_N, where 1 − SER ≈ C λ_N^L, tends to κ (steps inf)\n"
            + summary(settled(both), places=("language",)).text()
        )
    for language in dict.fromkeys(limits["language"]):
        rows = table[table["language"] == language].set_index("metric")
        needed, ser = int(rows.loc["linear_steps", "value"]), rows.loc["ser_at_linear_steps", "value"]
        parts.append(
            f"{language}: SER = {TARGET:g} at L = {config.long_length} takes about κL/ln 2 = {needed} uniform steps; "
            f"SER there: {ser:.4f}"
        )
    return "\n\n".join(parts)


def settled(table: pandas.DataFrame) -> pandas.DataFrame:
    """The same rows without the intervals that are narrower than the four digits printed."""
    narrow = (table["high"] - table["low"]) < 1e-4 * table["value"].abs()
    return table.assign(**{name: table[name].mask(narrow, table["value"]) for name in ("low", "high")})


def proportional(table: pandas.DataFrame, config: Config) -> pandas.DataFrame:
    """Rows of SER at N = C·L with a column C; the limit 1 − exp(−κ/C) at infinite length, where κ is known."""
    import pandas

    errors = table[table["metric"] == "ser"]
    calculated = errors["method"] != "monte-carlo"
    errors = errors.assign(by=calculated.map({True: "calculated", False: "samples"})).astype({"length": object})
    with_calculator = set(errors.loc[errors["by"] == "calculated", "language"])
    kappas = table[(table["metric"] == "kappa") & table["length"].isin([config.long_length, *config.lengths])]
    kappas = kappas.sort_values("length").drop_duplicates("language", keep="last")
    parts = []
    for ratio in config.ratios:
        for length in config.ratio_lengths:
            here = (errors["length"] == length) & (errors["steps"] == linear_steps(ratio, length))
            # Samples that the sweep happens to have at these N would only repeat what is calculated.
            wanted = (errors["by"] == "calculated") | ~errors["language"].isin(with_calculator)
            parts.append(errors[here & wanted].assign(C=ratio))
        limit = kappas.astype({"length": object}).assign(C=ratio, length=math.inf)
        for name in ("value", "low", "high"):
            limit[name] = [-math.expm1(-max(0.0, kappa) / ratio) for kappa in limit[name]]
        limit["by"] = ["calculated" if language in with_calculator else "samples" for language in limit["language"]]
        parts.append(limit)
    rows = pandas.concat(parts)
    order = {language: place for place, language in enumerate(config.languages)}
    return rows.sort_values("language", key=lambda column: column.map(order), kind="stable")


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
