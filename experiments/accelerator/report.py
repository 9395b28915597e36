"""The results as a page a person reads, section by section."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from experiments.accelerator.config import SECTIONS, Config
from experiments.harness.report import Summary, format_bytes, format_seconds, format_value

if TYPE_CHECKING:
    import pandas

    from experiments.harness.standing import Standing

NAMES = {
    "tokens_per_second": "tokens/s",
    "tokens_per_second_cpu": "tokens/s, CPU",
    "speed_over_cpu": "device / CPU",
    "share_of_copy": "share of copy",
    "flop_utilisation": "MFU",
    "peak_memory": "peak memory",
    "first_step_seconds": "first step",
    "difference": "off the CPU's extrapolation by",
    "largest_batch": "largest batch",
    "training_seconds": "training",
    "ter_increase": "TER increase",
    "epsilon_learning_mean": "ε_learning, nats/token",
    "ser": "SER",
    "held_out_gap": "held-out NELBO above the optimum, nats/token",
    "training_steps": "training steps",
    "network_calls": "network calls",
}
LEFT_OUT = {5: ("seconds",), 6: ("network_calls",), 7: ()}
"""Metrics that are in results.csv and would only widen the page."""


def report(table: pandas.DataFrame, config: Config) -> str:
    """All sections as text for a terminal."""
    return "\n\n".join(f"{title}\n{part.text()}" for title, part in sections(table))


def page(standing: Standing, config: Config) -> str:
    """The Markdown page: the device and the code, the sections, what failed and what was not run."""
    record = standing.record
    git = record["git"] or {}
    commit = f"{git['commit'][:7]}{', modified' if git['modified'] else ''}" if git else "unknown"
    versions = record["versions"]
    lines = [
        f"Device: {record['device_name']}. Date: {record['started'][:10]}. Commit: {commit}. "
        f"Python {versions['python']}, torch {versions['torch']}, {record['cpu_count']} CPU cores.",
    ]
    if config.small:
        lines.append("**Small sizes: this shows that everything runs; its speeds mean nothing.**")
    for title, part in sections(standing.table):
        lines += [f"## {title}", part.markdown()]
    for title, outcomes in (("Failed", standing.failures), ("Not run", standing.skipped)):
        if outcomes:
            lines += [f"## {title}", "\n".join(f"* {cell.label}: {cell.error}" for cell in outcomes)]
    if standing.waiting:
        lines += ["## Waiting", "\n".join(f"* {label}" for label in standing.waiting)]
    return "\n\n".join(lines) + "\n"


def sections(table: pandas.DataFrame) -> list[tuple[str, Summary]]:
    """Title and table of every section that has rows."""
    found = []
    for section, title in SECTIONS.items():
        rows = table[table["section"] == section] if len(table) else table
        if len(rows):
            found.append((f"{section}. {title}", _section(section, rows)))
    return found


def _section(section: int, rows: pandas.DataFrame) -> Summary:
    if section in (1, 2):
        return _list(rows)
    if section == 7:
        return _study(rows)
    return _wide(rows, LEFT_OUT.get(section, ()))


def _list(rows: pandas.DataFrame) -> Summary:
    lines = [("what", "value", "note")]
    lines += [(row["what"], _shown(row), row["note"] or "") for row in rows.to_dict("records")]
    return Summary("", tuple(lines))


def _wide(rows: pandas.DataFrame, left_out: tuple[str, ...]) -> Summary:
    """One line for each thing measured, its metrics side by side."""
    places = [name for name in ("language", "what", "denoiser", "length", "steps") if _tells(rows[name])]
    metrics = [metric for metric in dict.fromkeys(rows["metric"]) if metric not in left_out]
    lines: dict[tuple[str, ...], dict[str, str]] = {}
    for row in rows.to_dict("records"):
        if row["metric"] in metrics:
            line = lines.setdefault(tuple(_word(row[name]) for name in places), {})
            line[row["metric"]] = _shown(row)
    header = (*places, *(NAMES.get(metric, metric) for metric in metrics))
    body = [(*names, *(line.get(metric, "") for metric in metrics)) for names, line in lines.items()]
    return Summary("", (header, *body))


def _study(rows: pandas.DataFrame) -> Summary:
    """Languages, denoisers and metrics down the side, steps across."""
    steps = sorted({int(step) for step in rows["steps"].dropna()})
    lines: dict[tuple[str, ...], dict[int | None, str]] = {}
    for row in rows.to_dict("records"):
        place = (row["language"], row["denoiser"], NAMES.get(row["metric"], row["metric"]), row["law"], row["method"])
        step = None if _word(row["steps"]) == "" else int(row["steps"])
        lines.setdefault(place, {})[step] = _shown(row)
    header = ("language", "denoiser", "metric", "law", "method", *(f"N = {step}" for step in steps))
    # What has no N, such as the training time, stands in the first column of numbers.
    body = [(*place, *([line[None]] if None in line else []), *(line.get(s, "") for s in steps))[: len(header)]
            for place, line in lines.items()]  # fmt: skip
    return Summary("", (header, *body))


def _tells(column: Any) -> bool:
    return bool(column.notna().any() and (column.astype(str) != "").any())


def _word(value: Any) -> str:
    return "" if value is None or str(value) in ("<NA>", "nan") else str(value)


def _shown(row: Mapping[Any, Any]) -> str:
    """A value with its unit, as far as the unit is not plain from the name."""
    value, unit = row["value"], row["unit"]
    if unit == "bytes":
        return format_bytes(value)
    if unit == "seconds":
        return format_seconds(value)
    if unit in ("bytes/second", "operations/second"):
        scaled = (1e-12 * value, 1e-12 * row["low"], 1e-12 * row["high"])
        return f"{scaled[0]:.3g} {'TB/s' if unit == 'bytes/second' else 'TFLOP/s'} [{scaled[1]:.3g}, {scaled[2]:.3g}]"
    if unit == "tokens/second":
        return f"{value / 1e9:.3g} G" if value >= 1e9 else f"{value / 1e6:.3g} M" if value >= 1e5 else f"{value:.3g}"
    if unit == "parameters":
        return f"{value / 1e6:.4g} M"
    if row["metric"] in ("share_of_copy", "flop_utilisation"):
        return f"{value:.1%}"
    if row["metric"] == "speed_over_cpu":
        return f"{value:.3g}×"
    if row["metric"] == "largest_batch":
        return f"{value:.0f} or more" if math.isinf(row["high"]) else f"{value:.0f} (not {row['high']:.0f})"
    if row["metric"] == "ter_increase":
        return format_value(100 * value, 100 * row["low"], 100 * row["high"], row["method"]) + " %"
    return format_value(value, row["low"], row["high"], row["method"])
