"""The figure of the ledger: how tight each bound is."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.harness.figures import house_style, new_figure
from experiments.ledger.report import says_nothing, sides
from experiments.shared.look import common_legend, save

if TYPE_CHECKING:
    import pandas

LOWEST = 1e-5
"""Ratios below, zero among them, are drawn at the left edge."""
LOOKS = {
    "upper": ("#0173b2", "o"),
    "lower": ("#de8f05", "^"),
    "observed": ("#029e73", "s"),
    "violated": ("#d55e00", "X"),
}
NAMES = {
    "upper": "upper bound: left of 1 where it holds",
    "lower": "lower bound: right of 1 where it holds",
    "observed": "measured, nothing claimed",
    "violated": "violated",
}


def draw_tightness(table: pandas.DataFrame, folder: Path) -> list[Path]:
    """One row a bound (or observation), one marker an instance, at exact side over bound.

    Identities and rates, whose sides agree or not, are left out. Nothing is drawn where no bound was checked.

    Args:
        table: The tidy table.
        folder: Where the PNG file goes.
    """
    rows: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for part in sides(table):
        comparable = part["relation"] != "==" and not says_nothing(part) and math.isfinite(part["ratio"])
        if part["kind"] in ("bound", "observation") and comparable:
            rows.setdefault((part["entry"], part["metric"]), []).append(part)
    if not rows:
        return []
    with house_style():
        figure, (axes,) = new_figure(width=9.0, height=1.6 + 0.27 * len(rows))
        used = []
        for place, parts in enumerate(rows.values()):
            for part in parts:
                look = _look(part)
                used.append(look)
                color, marker = LOOKS[look]
                axes.plot(max(part["ratio"], LOWEST), place, marker, color=color, alpha=0.8, clip_on=False, zorder=3)
        axes.axvline(1.0, color="0.3", linewidth=1.0, zorder=1)
        axes.set_xscale("log")
        top = max(10.0, *(part["ratio"] for parts in rows.values() for part in parts))
        axes.set_xlim(LOWEST, top * 1.3)
        axes.xaxis.set_major_locator(LogLocator(numticks=12))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(_tick))
        axes.set_yticks(range(len(rows)), [_label(entry, metric, rows) for entry, metric in rows])
        axes.set_ylim(len(rows) - 0.5, -0.5)
        axes.set_xlabel("exact side / bound (a ratio; 1 is tight)")
        figure.suptitle("How tight each bound is: one marker an instance on which both sides are known")
        handles = [
            Line2D([], [], linestyle="", marker=LOOKS[look][1], color=LOOKS[look][0], label=NAMES[look])
            for look in LOOKS
            if look in used
        ]
        common_legend(figure, {str(handle.get_label()): handle for handle in handles}, 2)
        title = "Tightness of the bounds of the ledger"
        return [save(figure, folder, "ledger", title, experiment="ledger", note="")]


def _look(part: dict[str, Any]) -> str:
    if part["verdict"] in ("observed", "violated"):
        return part["verdict"]
    return "upper" if part["relation"] in ("<=", "<") else "lower"


def _label(entry: str, metric: str, rows: dict[tuple[str, str], Any]) -> str:
    """The entry alone where it has one row, else with what is compared."""
    return entry if sum(name == entry for name, _ in rows) == 1 else f"{entry}: {metric}"


def _tick(ratio: float, _: int) -> str:
    return f"≤ {ratio:g}" if ratio <= LOWEST else f"{ratio:g}"
