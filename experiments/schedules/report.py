"""The tables of schedules: steps needed and saved, then errors at equal steps."""

from __future__ import annotations

from typing import TYPE_CHECKING

from experiments.harness.report import aligned, summary
from experiments.harness.tables import in_percent

if TYPE_CHECKING:
    import pandas

    from experiments.schedules.config import Config


def report(table: pandas.DataFrame, config: Config) -> str:
    """Steps needed and saved, then errors at equal steps."""
    parts = [_needed(table)]
    for metric, title in (
        ("ter_increase", "TER increase over the truth, TER(p)/TER(q) − 1 (path law), in %"),
        ("ser", "SER, the share of sequences outside the language (marginal law; fixed sizes: not known exactly)"),
    ):
        rows = in_percent(table[table["metric"] == metric])
        if not len(rows):
            continue
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
        place = row["language"], str(row["length"]), _target(row["target"])
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


def _target(target: str) -> str:
    """A target as people read it: "ter_increase <= 0.01" is a TER 1 % above the truth's."""
    metric, _, limit = target.partition(" <= ")
    return f"TER +{100 * float(limit):g} %" if metric == "ter_increase" else f"SER {limit}"
