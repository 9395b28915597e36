"""The tables of sequence errors: against steps, along N = C·L, and the exponent."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from experiments.harness.report import summary
from experiments.harness.tables import scaled, settled
from experiments.ser_vs_steps.cells import TARGET
from experiments.ser_vs_steps.config import Config, linear_steps

if TYPE_CHECKING:
    import pandas


def report(table: pandas.DataFrame, config: Config) -> str:
    """SER against steps, SER at N = C·L, and the exponent."""
    import pandas

    sweep = table[
        table["length"].isin(config.lengths)
        & table["steps"].isin(config.sample_steps)  # the lines between fill the figure
        & table["metric"].isin(["ser", "ser_first_order"])
    ]
    about = sweep["metric"] == "ser_first_order"
    method = sweep["method"].mask(about & (sweep["method"] == "exact"), "approximation")  # a formula is no SER
    sweep = sweep.assign(metric=sweep["metric"].mask(about, "first order"), method=method)
    parts = [
        "SER, the share of sequences outside the language, against steps N, and its approximation to first order, "
        "1 − exp(−Σ w²g)\n" + summary(settled(sweep, 1e-4), places=("language", "length", "metric", "method")).text()
    ]
    linear = proportional(table, config)
    if len(linear):
        parts.append(
            "SER at N = ⌊C·L⌋: it does not fall with the length, but tends to 1 − exp(−κ/C) (length inf)\n"
            "calculated: exact, or extrapolated to the digits shown; samples: κ estimated at a length of the sweep\n"
            + summary(settled(linear, 1e-4), across="length", places=("language", "C", "by")).text()
        )
    exponents = table[table["metric"] == "error_exponent"]
    exponents = scaled(exponents, exponents["steps"].astype("float64"))
    exponents["steps"] = exponents["steps"].astype(object)
    limits = table[(table["metric"] == "kappa") & (table["length"] == config.long_length)].copy()
    limits["steps"] = math.inf
    if len(exponents):
        both = pandas.concat([exponents, limits.astype({"steps": object})])
        parts.append(
            "Error exponent: −N ln λ_N, where 1 − SER ≈ C λ_N^L, tends to κ (steps inf)\n"
            + summary(settled(both, 1e-4), places=("language",)).text()
        )
    for language in dict.fromkeys(limits["language"]):
        rows = table[table["language"] == language].set_index("metric")
        needed, ser = int(rows.loc["linear_steps", "value"]), rows.loc["ser_at_linear_steps", "value"]
        parts.append(
            f"{language}: SER = {TARGET:g} at L = {config.long_length} takes about κL/ln 2 = {needed} uniform steps; "
            f"SER there: {ser:.4f}"
        )
    return "\n\n".join(parts)


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
