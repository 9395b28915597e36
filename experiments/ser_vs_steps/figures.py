"""The figures of `ser_vs_steps`: SER against steps, and SER against length when steps grow with it."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.lines import Line2D

from experiments.harness.figures import draw_estimates, house_style, log_steps, looks
from experiments.shared.look import common_legend, handles_of, leftmost, of_length, panels_for, save

if TYPE_CHECKING:
    import pandas

LAW: dict[str, Any] = {"color": "0.25", "linestyle": (0, (2, 2)), "linewidth": 1.2}
"""How the first-order law and the limits are drawn: above the lines they nearly hide."""


def draw_sequence_errors(
    table: pandas.DataFrame,
    folder: Path,
    languages: Sequence[str],
    lengths: Sequence[int],
    steps: Collection[int],
    ticks: Sequence[int],
) -> list[Path]:
    """One figure for each length: SER against N, a panel for each language.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
        lengths: Lengths of the sweep.
        steps: Steps of the sweep.
        ticks: Those of them that the axis names.
    """
    paths = []
    color = looks(["oracle"])["oracle"]["color"]
    for length in lengths:
        rows = table[(table["length"] == length) & table["steps"].isin(list(steps))]
        with house_style():
            figure, panels = panels_for(languages, most=4, width=3.2, height=3.3)
            for language, axes in panels.items():
                here = rows[rows["language"] == language]
                for method, label in (
                    ("exact", "exact"),
                    ("extrapolated", "extrapolated from short lengths"),
                    ("monte-carlo", "estimate from samples, 95 %"),
                ):
                    part = here[(here["metric"] == "ser") & (here["method"] == method)]
                    marker = "s" if method == "extrapolated" else "o"
                    draw_estimates(axes, part, label=label, color=color, marker=marker)
                law = here[here["metric"] == "ser_first_order"].sort_values("steps")
                label = "first-order law 1 − exp(−Σ w²g)"
                axes.plot(law["steps"].astype(float), law["value"], label=label, zorder=3, **LAW)
                if (law["method"] == "monte-carlo").any():
                    ends = law["low"].clip(lower=0), law["high"].clip(upper=1)
                    axes.fill_between(law["steps"].astype(float), *ends, color="0.25", alpha=0.15, linewidth=0)
                log_steps(axes, ticks)
                axes.set_ylim(-0.03, 1.03)
            for axes in leftmost(panels.values()):
                axes.set_ylabel("SER: share of sequences\noutside the language")
            common_legend(figure, handles_of(panels.values()))
            figure.suptitle(f"One rate of conflicts predicts the sequence errors of the exact denoiser (L = {length})")
            name = of_length("ser_vs_steps", length, lengths)
            paths.append(save(figure, folder, name, "SER against steps", experiment="ser_vs_steps"))
    return paths


def draw_linear_steps(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """SER against length at N = C·L, a panel for each language and a colour for each C.

    Args:
        table: SER with a column C; an infinite length holds the limit.
        folder: Where the PNG file goes.
        languages: The languages, in the order of the panels.
    """
    if not len(table):
        return []
    ratios = list(dict.fromkeys(table["C"]))
    style = looks([str(ratio) for ratio in ratios])
    far = table["length"] == math.inf
    lengths = sorted(int(length) for length in table.loc[~far, "length"].unique())
    with house_style():
        figure, panels = panels_for(languages, most=4, width=3.2, height=3.3)
        for language, axes in panels.items():
            for ratio in ratios:
                here = table[(table["language"] == language) & (table["C"] == ratio)]
                look = style[str(ratio)]
                for limit in here.loc[here["length"] == math.inf, "value"]:
                    axes.axhline(limit, color=look["color"], linestyle=LAW["linestyle"], linewidth=1.0)
                near = here[here["length"] != math.inf].sort_values("length")
                x = near["length"].astype(float)
                if (near["method"] != "monte-carlo").all():
                    axes.plot(x, near["value"], color=look["color"], marker=look["marker"], markersize=3.5)
                else:
                    draw_estimates(axes, near, x="length", **look)
                    axes.plot(x, near["value"], color=look["color"], linewidth=0.6)
            log_steps(axes, lengths, "length L")
            axes.set_xlim(lengths[0] / 1.2, lengths[-1] * 1.2)
            axes.set_ylim(-0.03, 1.03)
        for axes in leftmost(panels.values()):
            axes.set_ylabel("SER at N = C·L steps")
        handles: list[Any] = [
            Line2D([], [], color=style[str(c)]["color"], marker=style[str(c)]["marker"], label=f"N = {c:g} L")
            for c in ratios
        ]
        label = "limit 1 − exp(−κ/C)  (bars: estimates, 95 %; else exact, or extrapolated to a line's width)"
        handles.append(Line2D([], [], label=label, **{**LAW, "linewidth": 1.0}))
        common_legend(figure, {str(handle.get_label()): handle for handle in handles})
        figure.suptitle("Steps must grow with the length: at N = C·L the sequence error neither falls nor grows")
        return [save(figure, folder, "ser_vs_length", "SER at N = C·L", experiment="ser_vs_steps")]
