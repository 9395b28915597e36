"""Figures of samplers at equal network calls: SER at each length, and KL where it is exact."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from experiments.harness.figures import (
    draw_estimates,
    house_style,
    log_steps,
    log_values,
    looks,
    new_figure,
)
from experiments.samplers.comparison import ANCESTRAL, RANDOM, compared, median_ratio, same_law
from experiments.shared.look import same_heights, save

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
        figure, panels = new_figure(len(languages), width=4.2, height=5.0)
        winners = []
        for language, axes in zip(languages, panels, strict=True):
            here, curves = (part[part["language"] == language] for part in (rows, reference))
            winners.append(_panel(axes, here, curves, style))
            here = here[here["value"] > 0]
            counts = here.groupby("budget")["sampler"].nunique()
            log_steps(axes, counts.index[counts > 2].tolist(), "mean network calls")
            log_values(axes, label if axes is panels[0] else "")
            axes.set_title(language)
        same_heights(panels, 1e-4)
        handles = [
            Line2D([], [], color="black", label="ancestral sampling, masks"),
            Line2D([], [], color="black", linestyle="--", label="equal sizes in random order"),
            *(Line2D([], [], label=GROUPS[group], **look) for group, look in style.items()),
        ]
        note = "thin: every sampler of the kind; with markers: the best of the kind"
        handles.append(Line2D([], [], linestyle="", label=note))
        figure.legend(handles=handles, loc="outside lower center", ncols=3)
        verb = "errs least" if metric == "ser" else "has the least KL"
        title = f"Which sampler {verb} at equal network calls depends on the language"
        if len(set(winners)) == 1:
            title = f"At equal network calls {winners[0]} {verb}, by the median"
        known = "all exact" if set(rows["method"]) == {"exact"} else "with bars: estimates, 95 %; else exact"
        figure.suptitle(f"{title}\nL = {table['length'].iloc[0]}, exact denoiser; {known}")
        return save(figure, folder, name, title, experiment="samplers")


def _panel(axes: Axes, rows: pandas.DataFrame, reference: pandas.DataFrame, style: dict[str, Any]) -> str:
    """One language: a thin line for every law, markers for the best of each kind; the name of the best of all."""
    best: dict[str, tuple[float, str, pandas.DataFrame]] = {}
    winner = (math.inf, "")
    perfect = []
    for name, one in same_law(rows):
        group, ratio = one["group"].iloc[0], median_ratio(one)
        perfect += [f"{name} at {row['calls']:g}" for row in one[one["value"] <= 0].to_dict("records")]
        one = one[one["value"] > 0].sort_values("calls")
        if len(one) > 1:
            winner = min(winner, (ratio, name))
        if name == RANDOM:  # drawn as a reference
            continue
        axes.plot(one["calls"], one["value"], linewidth=0.6, alpha=0.6, color=style[group]["color"])
        if len(one) > 1 and (group not in best or ratio < best[group][0]):
            best[group] = (ratio, name, one)
        elif len(one) == 1 and ratio < 1:
            draw_estimates(axes, one, x="calls", **style[group])
            spot = (one["calls"].iloc[0], one["value"].iloc[0])
            axes.annotate(name, spot, (5, 0), textcoords="offset points", fontsize=7, va="center")
    for family, dashes in ((RANDOM, "--"), (ANCESTRAL, "-")):
        curve = reference[(reference["sampler"] == family) & (reference["value"] > 0)].sort_values("calls")
        kernels = rows.loc[rows["group"] == "uniform noise", "calls"]
        curve = curve[curve["calls"].between(0.95 * kernels.min(), 1.05 * kernels.max())] if len(kernels) else curve
        axes.plot(curve["calls"], curve["value"], color="black", linestyle=dashes, linewidth=1.4, zorder=3)
    handles = []
    for ratio, name, one in sorted(best.values(), key=lambda found: found[0]):
        look = style[one["group"].iloc[0]]
        axes.plot(one["calls"], one["value"], linewidth=1.2, zorder=4, **look)
        draw_estimates(axes, one[one["method"] != "exact"], x="calls", **look)
        short = name if len(name) < 44 else name.split(" = ")[0] + " = …"
        handles.append(Line2D([], [], label=f"×{ratio:.2f} {short}", **look))
    title = "median ratio to ancestral"
    if perfect:
        title += f"\n(0: {'; '.join(perfect[:3])}{' …' if len(perfect) > 3 else ''} calls)"
    place: dict[str, Any] = {"loc": "upper left", "bbox_to_anchor": (0, -0.2), "borderaxespad": 0}
    axes.legend(handles=handles, fontsize=8, title=title, title_fontsize=8, alignment="left", **place)
    return winner[1]
