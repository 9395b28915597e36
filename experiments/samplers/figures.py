"""Figures of samplers at equal network calls: SER at each length, and KL where it is exact."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D
from matplotlib.patches import Patch

from experiments.harness.figures import (
    draw_estimates,
    house_style,
    log_steps,
    log_values,
    looks,
)
from experiments.harness.fitting import apart
from experiments.samplers.comparison import ANCESTRAL, RANDOM, compared, median_ratio, same_law
from experiments.shared.look import common_legend, leftmost, panels_for, same_heights, save

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

GROUPS = {
    "plan": "plans",
    "policy": "policies (confidence, …)",
    "mask kernel": "mask kernels that keep tokens",
    "remasking": "mask kernels that revise tokens",
    "uniform noise": "uniform noise",
}
SHADE = "0.88"
LINE = 0.052
"""Height of a line of names, in heights of the panel."""
MOST_ALONE = 3
"""Samplers of one budget alone that are shown if they are better than ancestral sampling."""
Named = tuple[tuple[float, float], str, Any]
"""A point, what it is called, and in which colour."""


def draw_errors(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """SER against mean network calls, a figure for each length, a panel for each language.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
    """
    paths = []
    for length in sorted(table["length"].unique()):
        here = table[table["length"] == length]
        label = "SER: share of sequences\noutside the language"
        paths.append(_figure(here, "ser", languages, label, folder, f"samplers_ser_L{length}"))
    return paths


def draw_kl(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """KL(q ‖ p) of what is written, against mean network calls, at the lengths where it is exact.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
    """
    rows = table[(table["metric"] == "kl") & (table["law"] == "marginal") & (table["method"] == "exact")]
    paths = []
    for length in sorted(rows["length"].unique()):
        here = rows[rows["length"] == length]
        if set(here["language"]) == set(languages):
            name = f"samplers_kl_L{length}"
            paths.append(_figure(here, "kl", languages, "KL(q ‖ p), nats a sequence", folder, name))
    return paths


def _figure(
    table: pandas.DataFrame, metric: str, languages: Sequence[str], label: str, folder: Path, name: str
) -> Path:
    style = looks(GROUPS)
    reference = table[(table["group"] == "reference") & (table["metric"] == metric) & (table["law"] == "marginal")]
    rows = compared(table, metric=metric)
    rows = rows[rows["sampler"] != ANCESTRAL]
    with house_style():
        figure, panels = panels_for(languages, width=5.2, height=4.4)
        winners, named = [], {}
        for language, axes in panels.items():
            here, curves = (part[part["language"] == language] for part in (rows, reference))
            winner, named[language] = _panel(axes, here, curves, style)
            winners.append(winner)
            here = here[here["value"] > 0]
            counts = here.groupby("budget")["sampler"].nunique()
            log_steps(axes, counts.index[counts > 2].tolist(), "mean network calls")
            log_values(axes, label if axes in leftmost([axes]) else "")
        same_heights(list(panels.values()), 1e-4)
        for language, axes in panels.items():
            _label(axes, named[language])
        handles = [
            Line2D([], [], color="black", label="ancestral sampling, masks"),
            Line2D([], [], color="black", linestyle="--", label="equal sizes in random order"),
            Patch(color=SHADE, label="all samplers, from least to most"),
            *(Line2D([], [], label=f"best of {GROUPS[group]}", **look) for group, look in style.items()),
        ]
        common_legend(figure, {str(handle.get_label()): handle for handle in handles}, 4)
        verb = "errs least" if metric == "ser" else "has the least KL"
        title = f"Which sampler {verb} at equal network calls depends on the language"
        if len(set(winners)) == 1:
            title = f"At equal network calls {winners[0]} {verb}, by the median"
        known = "all exact" if set(rows["method"]) == {"exact"} else "with bars: estimates, 95 %; else exact"
        note = f"L = {table['length'].iloc[0]}, exact denoiser; {known}; ×: median ratio to ancestral sampling"
        figure.suptitle(f"{title}\n{note}")
        return save(figure, folder, name, title, experiment="samplers")


def _panel(
    axes: Axes, rows: pandas.DataFrame, reference: pandas.DataFrame, style: dict[str, Any]
) -> tuple[str, list[Named]]:
    """One language: the range of all samplers and the best of each kind; the best of all, and what is to be named."""
    best: dict[str, tuple[float, str, pandas.DataFrame]] = {}
    alone: list[tuple[float, str, pandas.DataFrame]] = []
    winner = (math.inf, "")
    perfect = []
    for name, one in same_law(rows):
        group, ratio = one["group"].iloc[0], median_ratio(one)
        perfect += [f"{name} at {row['calls']:.3g}" for row in one[one["value"] <= 0].to_dict("records")]
        one = one[one["value"] > 0].sort_values("calls")
        if len(one) > 1:
            winner = min(winner, (ratio, name))
            if name != RANDOM and (group not in best or ratio < best[group][0]):  # that is drawn as a reference
                best[group] = (ratio, name, one)
        elif len(one) == 1 and ratio < 1:
            alone.append((ratio, name, one))
    _range(axes, rows[(rows["value"] > 0) & (rows["sampler"] != RANDOM)])
    for family, dashes in ((RANDOM, "--"), (ANCESTRAL, "-")):
        curve = reference[(reference["sampler"] == family) & (reference["value"] > 0)].sort_values("calls")
        kernels = rows.loc[rows["group"] == "uniform noise", "calls"]
        curve = curve[curve["calls"].between(0.95 * kernels.min(), 1.05 * kernels.max())] if len(kernels) else curve
        axes.plot(curve["calls"], curve["value"], color="black", linestyle=dashes, linewidth=1.4, zorder=3)
    named: list[Named] = []
    for ratio, name, one in [*best.values(), *sorted(alone, key=lambda found: found[0])[:MOST_ALONE]]:
        look = style[one["group"].iloc[0]]
        axes.plot(one["calls"], one["value"], linewidth=1.2, zorder=4, **look)
        draw_estimates(axes, one[one["method"] != "exact"], x="calls", **look)
        short = name if len(name) < 44 else name.split(" = ")[0] + " = …"
        spot = float(one["calls"].iloc[-1]), float(one["value"].iloc[-1])
        named.append((spot, f"×{ratio:.2f} {short}", look["color"]))
    if perfect:
        more = " …" if len(perfect) > 3 else ""
        axes.set_title(f"{axes.get_title()}\nzero: {'; '.join(perfect[:3])}{more} calls")
    return winner[1], named


def _range(axes: Axes, rows: pandas.DataFrame) -> None:
    """From the least to the most of all samplers, at each budget that several were set to."""
    found = rows.groupby("budget").agg(
        calls=("calls", "median"), least=("value", "min"), most=("value", "max"), count=("value", "size")
    )
    found = found[found["count"] > 2]
    axes.fill_between(found["calls"], found["least"], found["most"], color=SHADE, linewidth=0, zorder=1)


def _label(axes: Axes, named: Sequence[Named]) -> None:
    """Names to the right of a panel, in the order of what they name and apart from each other."""
    transform = axes.transData + axes.transAxes.inverted()
    heights = [float(transform.transform(spot)[1]) for spot, _, _ in named]
    texts = [textwrap.fill(text, 22) for _, text, _ in named]
    places = apart(heights, [LINE * (text.count("\n") + 1) for text in texts], -0.1, 1.05)
    for index, (spot, _, color) in enumerate(named):
        axes.annotate(
            texts[index],
            spot,
            xytext=(1.05, places[index]),
            textcoords="axes fraction",
            fontsize=8,
            va="center",
            color=color,
            arrowprops={"arrowstyle": "-", "color": color, "linewidth": 0.5, "shrinkA": 0, "relpos": (0, 0.5)},
        )
