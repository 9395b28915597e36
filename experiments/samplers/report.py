"""The tables of samplers: the answers, SER at every budget, every metric at the budgets shown."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from experiments.harness.report import aligned, format_value
from experiments.harness.tables import in_percent
from experiments.samplers.comparison import answers, compared, median_ratio, same_law

if TYPE_CHECKING:
    import pandas

    from experiments.samplers.config import Config


def report(table: pandas.DataFrame, config: Config) -> str:
    """The answers, then SER at every budget, then every metric at the budgets shown."""
    parts = ["\n".join(answers(table)), *_errors(table), *_everything(table, config.shown)]
    parts.append(
        "×: SER over that of ancestral sampling (Bernoulli reveals, uniform steps) at the same mean network calls.\n"
        "Samplers joined by = agree in every number: the same law, drawn with the same keys."
    )
    return "\n\n".join(parts)


def _errors(table: pandas.DataFrame) -> list[str]:
    """One table a language and length: budgets across, samplers by their median ratio to ancestral sampling."""
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
    parts = []
    for (language, length), rows in compared(table).groupby(["language", "length"], sort=False):
        budget = max((b for b in shown if b in set(rows["budget"])), default=0)
        rows = rows[rows["budget"] == budget]
        here = table[(table["language"] == language) & (table["length"] == length) & (table["budget"] == budget)]
        here = in_percent(here)
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
        head = ["sampler", "calls", "×", "SER", "forward TER increase, %", "TC paid (nats)", "generative TER"]
        parts.append(
            f"{language}, L = {length}, {budget} calls: every metric, least SER first\n{aligned([head, *lines])}"
        )
    return parts
