"""The house style of figures: what is exact is a line, what is measured a marker, what is bounded a shade.

Figures are made without pyplot, so nothing is left open, no display is needed and a notebook can still show them.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from experiments.harness.fitting import fit
from experiments.harness.rows import BRACKETS
from languages.files import write_atomically

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

DOTS_PER_INCH = 200
LEAST_WIDTH = 5.6
"""Inches that a title and a legend need to be read."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DENOISERS = ("oracle", "mdm", "ar", "perturbed")
"""Denoisers with a fixed place in the palette; a colour means the same in every figure."""


def house_style() -> AbstractContextManager[None]:
    """The settings figures are drawn and saved under, for a `with` block."""
    import seaborn

    settings: Any = {
        **seaborn.axes_style("whitegrid"),
        "font.size": 10.0,
        "axes.titlesize": 10.0,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "grid.linewidth": 0.5,
        "lines.linewidth": 1.6,
        "lines.markersize": 5.0,
        "legend.frameon": False,
        "legend.fontsize": 9.0,
    }
    return mpl.rc_context(settings)


def new_figure(
    columns: int = 1, rows: int = 1, *, width: float = 4.2, height: float = 3.2
) -> tuple[Figure, list[Axes]]:
    """A figure and its panels, row by row; call it inside `house_style`.

    Args:
        columns: Panels side by side.
        rows: Panels on top of each other.
        width: Inches per panel; a figure of one panel may be wider.
        height: Inches per panel.
    """
    figure = Figure(figsize=(max(LEAST_WIDTH, width * columns), height * rows), layout="constrained")
    FigureCanvasAgg(figure)
    return figure, list(figure.subplots(rows, columns, squeeze=False).flat)


def looks(names: Iterable[str]) -> dict[str, dict[str, Any]]:
    """Colour and marker for each name, safe for colour-blind eyes and told apart in grey.

    Known denoisers keep their place in every figure; other names take the free places in the order given.
    """
    import seaborn

    palette = seaborn.color_palette("colorblind", 10)
    wanted = list(dict.fromkeys(names))
    free = [place for place in range(10) if place >= len(DENOISERS) or DENOISERS[place] not in wanted]
    chosen = {}
    others = 0
    for name in wanted:
        if name in DENOISERS:
            place = DENOISERS.index(name)
        else:
            place = free[others % len(free)]
            others += 1
        chosen[name] = {"color": palette[place], "marker": MARKERS[place % len(MARKERS)]}
    return chosen


def draw_estimates(
    axes: Axes, table: pandas.DataFrame, *, x: str = "steps", label: str = "", color: Any = "C0", marker: str = "o"
) -> None:
    """Draw the values of a tidy table against one column, each method in its own way.

    exact: a line. bound: a shade between its ends. monte-carlo, extrapolated, measured: a marker with its interval.
    published: a hollow marker. Rows of several methods may be mixed; the first one drawn carries the label.

    Args:
        axes: Where.
        table: Rows that differ in `x` and `method` alone.
        x: The column across.
        label: Legend entry.
        color: Any colour of matplotlib.
        marker: Any marker of matplotlib.

    Raises:
        ValueError: Two rows share a spot, so that a line would join what does not belong together.
    """
    if table.duplicated([x, "method"]).any():
        raise ValueError(f"rows drawn as {label!r} must differ in {x} or method: select one metric, law and language")
    for method in ("exact", "monte-carlo", "extrapolated", "measured", *BRACKETS, "published"):
        rows = table[table["method"] == method].sort_values(x)
        if not len(rows):
            continue
        places = rows[x].astype("float64").to_numpy()
        value, low, high = (rows[name].to_numpy("float64") for name in ("value", "low", "high"))
        if method == "exact":
            # A line through one point would not be seen.
            axes.plot(places, value, color=color, marker="_" if len(rows) == 1 else "", label=label)
        elif method in ("monte-carlo", "extrapolated", "measured"):
            # Rounding may leave an end beyond its value by a bit; an error bar of negative length is an error.
            spread = [(value - low).clip(min=0), (high - value).clip(min=0)]
            axes.errorbar(places, value, spread, color=color, marker=marker, linestyle="", capsize=2, label=label)
        elif method in BRACKETS:
            if len(rows) == 1:
                axes.vlines(places, low, high, color=color, alpha=0.2, linewidth=8, label=label)
            else:
                axes.fill_between(places, low, high, color=color, alpha=0.2, linewidth=0, label=label)
        else:
            axes.plot(places, value, color=color, marker=marker, linestyle="", fillstyle="none", label=label)
        label = "_nolegend_"


def draw_level(axes: Axes, value: float, low: float, high: float, *, label: str = "", color: Any = "C0") -> None:
    """Draw a value that does not depend on the axis across: a dashed line with its interval as a shade."""
    axes.axhline(value, color=color, linestyle="--", label=label)
    if high > low:
        axes.axhspan(low, high, color=color, alpha=0.15, linewidth=0)


def log_steps(axes: Axes, values: Iterable[float], label: str = "sampling steps N") -> None:
    """Make the axis across logarithmic to base 2, with the numbers themselves as ticks."""
    axes.set_xscale("log", base=2)
    ticks = sorted({float(value) for value in values})
    # Ticks closer than a factor of 1.3 would print over each other.
    shown = [tick for index, tick in enumerate(ticks) if index == 0 or tick >= 1.3 * ticks[index - 1]]
    if len(shown) > 7:  # every other number, counted from the largest
        shown = shown[::-1][::2][::-1]
    axes.xaxis.set_major_locator(FixedLocator(shown))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda tick, _: f"{tick:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel(label)


def log_values(axes: Axes, label: str, *, floor: float | None = None) -> None:
    """Make the upright axis logarithmic; what is zero or less is cut off at the bottom edge.

    Args:
        axes: Where.
        label: What is measured, with its unit.
        floor: The lowest value shown.
    """
    axes.set_yscale("log", nonpositive="clip")
    if floor is not None:
        axes.set_ylim(bottom=floor)
    axes.set_ylabel(label)


def save_figure(figure: Figure, path: Path, *, title: str, description: str = "") -> Path:
    """Save a figure as PNG atomically, 200 dots an inch, and return the path.

    Title and description go into the file; no date does, so that equal results give equal files.

    Args:
        figure: The figure; released if pyplot made it.
        path: Where it goes, ending in .png.
        title: What it shows.
        description: Where its numbers come from.
    """
    fit(figure)
    metadata = {"Title": title, "Description": description}

    def write(temporary: Path) -> None:
        figure.savefig(temporary, format="png", dpi=DOTS_PER_INCH, metadata=metadata)

    write_atomically(path, write)
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close(figure)
    return path
