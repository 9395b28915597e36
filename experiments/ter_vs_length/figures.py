"""The figures of `ter_vs_length`: TER increases by law beside the paper's, against steps and against length."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.harness.figures import (
    draw_estimates,
    house_style,
    log_steps,
    looks,
    new_figure,
)
from experiments.harness.rows import BRACKETS
from experiments.harness.tables import scaled
from experiments.shared.look import common_legend, handles_of, percent_values, same_heights, save
from experiments.shared.published import STEPS
from experiments.ter_vs_length.fits import LAWS, all_matches, fits, series
from languages import LanguageSpec

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

HOLLOW: dict[Any, str] = {256: "o", 512: "s", 1024: "^"}
"""Markers of the paper's lengths."""
LOWEST = 0.01
"""Least TER increase shown, in %: half of the paper's smallest figure."""
METHODS = "thick lines: exact; markers: estimates or extrapolated, 95 %"


def draw_against_steps(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """TER increase against N at our longest length of the paper's, and below it the paper's figures over ours.

    Args:
        table: The tidy table.
        folder: Where the PNG file goes.
        languages: The languages, in the order of the panels.
    """
    style, lengths = looks(LAWS), set(table.loc[table["method"] != "published", "length"])
    shared = lengths & set(HOLLOW)
    length = max(shared or lengths)
    slopes, held = fits(table), all_matches(table)
    with house_style():
        figure, panels = new_figure(len(languages), 2, width=3.5, height=3.1)
        for language, above, below in zip(languages, panels, panels[len(languages) :], strict=False):
            here = table[table["language"] == language]
            published = table[
                (table["language"] == LanguageSpec.parse(language).kind) & (table["method"] == "published")
            ]
            for law in LAWS:
                _draw_law(above, here[here["length"] == length], law, style[law])
                ratio = _ratio(published, series(here).get(law))
                if ratio is not None:
                    trend = held.get((language, law))
                    label = "_nolegend_" if trend is None else f"paper/{law} ∝ N$^{{{trend.trend.steps:+.2f}}}$"
                    for one, rows in ratio.groupby("length"):
                        look = {"color": style[law]["color"], "marker": HOLLOW[one], "fillstyle": "none"}
                        below.plot(rows["steps"].astype(float), rows["ratio"], label=label, linewidth=0.8, **look)
                        label = "_nolegend_"
            _draw_published(above, published)
            fit = slopes.get((LanguageSpec.parse(language).kind, "paper"))
            note = "" if fit is None else f"\npaper falls as N$^{{{fit.steps:.2f}}}$"
            above.set_title(language + note)
            _steps_axis(above, here, published)
            percent_values(above)
            below.axhline(1.0, color="0.6", linewidth=0.8)
            below.set_yscale("log")
            wide = below.get_ylim()[1] > 300 * below.get_ylim()[0]
            below.yaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 3.0)))
            below.yaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
            below.yaxis.set_minor_locator(NullLocator())
            _steps_axis(below, here, published)
            below.set_xlim(above.get_xlim())
            if below.get_legend_handles_labels()[1]:
                bottom, top = below.get_ylim()
                below.set_ylim(top=bottom * (top / bottom) ** 1.6)  # room for the legend
                below.legend(fontsize=8, loc="upper left")
            else:
                below.text(0.5, 0.5, "no figures of the paper\nat these lengths", ha="center", va="center",
                           transform=below.transAxes, color="0.4")  # fmt: skip
        same_heights(panels[: len(languages)], LOWEST)
        panels[0].set_ylabel(f"TER increase over the truth\n(ours at L = {length})")
        panels[len(languages)].set_ylabel("the paper's figures over ours\n(flat: same shape)")
        _legend(figure, panels[: len(languages)])
        figure.suptitle(
            "On pruned languages all three laws fall as 1/N: the shape does not tell which one the paper reports\n"
            + METHODS
        )
        title = "TER increase by law against steps"
        return [save(figure, folder, "ter_vs_length_steps", title, experiment="ter_vs_length")]


def draw_against_length(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """TER increase against L at a few N: the paper's points and the three laws.

    Args:
        table: The tidy table.
        folder: Where the PNG file goes.
        languages: The languages, in the order of the panels.
    """
    style = looks(LAWS)
    ours = table[table["method"] != "published"]
    common = sorted(set(ours["steps"].dropna()) & set(STEPS))
    if not common:
        return []
    chosen = list(dict.fromkeys([common[0], common[-1]]))
    lengths = sorted({*ours["length"].dropna(), *table.loc[table["method"] == "published", "length"]})
    with house_style():
        figure, panels = new_figure(len(languages), width=3.5, height=3.4)
        for language, axes in zip(languages, panels, strict=True):
            published = table[
                (table["language"] == LanguageSpec.parse(language).kind) & (table["method"] == "published")
            ]
            lines = series(table[table["language"] == language])
            for steps in chosen:
                for law in LAWS:
                    if law not in lines:
                        continue
                    rows = lines[law][lines[law]["steps"] == steps].sort_values("length")
                    label = f"{law} law" if steps == chosen[0] else "_nolegend_"
                    x = rows["length"].astype(float)
                    axes.plot(x, 100 * rows["value"], linewidth=0.9, label=label, **style[law])
                rows = published[published["steps"] == steps].sort_values("length")
                label = "the paper's trained MDM: published" if steps == chosen[0] else "_nolegend_"
                axes.plot(rows["length"].astype(float), 100 * rows["value"], color="0.2", marker="o", linewidth=0.6,
                          fillstyle="none", label=label)  # fmt: skip
                last = rows if len(rows) else lines["path"][lines["path"]["steps"] == steps].sort_values("length")
                if len(last):
                    at = (float(last["length"].iloc[-1]), 100 * float(last["value"].iloc[-1]))
                    axes.annotate(f"N = {steps}", at, (4, 4), textcoords="offset points", fontsize=8, ha="right")
            log_steps(axes, lengths, "length L")
            percent_values(axes)
            axes.set_title(language)
        same_heights(panels, LOWEST)
        panels[0].set_ylabel("TER increase over the truth")
        _legend(figure, panels)
        figure.suptitle("At a fixed number of steps the TER increase of every law hardly depends on the length")
        title = "TER increase by law against length"
        return [save(figure, folder, "ter_vs_length", title, experiment="ter_vs_length")]


def _draw_law(axes: Axes, table: pandas.DataFrame, law: str, look: dict[str, Any]) -> None:
    """One law: lines for what is exact or settled, markers for estimates, a shade for the bracket."""
    rows = table[(table["metric"] == "ter_increase") & (table["law"] == law)]
    rows = scaled(rows, 100)
    label = f"{law} law"
    for method in ("exact", "extrapolated", "monte-carlo", *BRACKETS):
        part = rows[(rows["method"] == method) & (rows["value"] < float("inf"))].copy()
        if method == "monte-carlo":
            part = part[part["low"] > 0]  # an interval that reaches zero has no place on a logarithmic axis
        bracket = "marginal law: bracket by SER and path law"
        draw_estimates(axes, part, label=bracket if method in BRACKETS else label, **look)
        if method not in BRACKETS:
            part = part.sort_values("steps")
            axes.plot(part["steps"].astype(float), part["value"], color=look["color"], linewidth=0.6)
    first = series(table).get(law)
    if first is not None and first["metric"].iloc[0] != "ter_increase":
        first = first.sort_values("steps")
        label = "marginal law to first order, Σ w²g/L: estimate"
        axes.plot(first["steps"].astype(float), 100 * first["value"], color=look["color"], linestyle="--", label=label)


def _draw_published(axes: Axes, published: pandas.DataFrame) -> None:
    for length, rows in published.groupby("length"):
        rows = rows.sort_values("steps")
        axes.plot(rows["steps"].astype(float), 100 * rows["value"], color="0.2", marker=HOLLOW[length],
                  fillstyle="none", linestyle="", label=f"paper, trained MDM, L = {length}: published")  # fmt: skip


def _ratio(published: pandas.DataFrame, ours: pandas.DataFrame | None) -> pandas.DataFrame | None:
    if ours is None:
        return None
    both = published.merge(ours, on=["length", "steps"], suffixes=("", "_ours")).sort_values("steps")
    return both.assign(ratio=both["value"] / both["value_ours"]) if len(both) else None


def _steps_axis(axes: Axes, ours: pandas.DataFrame, published: pandas.DataFrame) -> None:
    log_steps(axes, sorted({int(n) for rows in (ours, published) for n in rows["steps"].dropna()}))


def _legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """One legend below for the panels given, laws first."""
    found = handles_of(panels)
    first = {label: found[label] for law in LAWS if (label := f"{law} law") in found}
    common_legend(figure, {**first, **found}, 3)
