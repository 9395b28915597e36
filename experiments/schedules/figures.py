"""Figures of schedules: what they look like, and how many steps they need relative to uniform ones."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from experiments.harness.figures import house_style
from experiments.shared.look import common_legend, handles_of, leftmost, of_length, palette, panels_for, save

if TYPE_CHECKING:
    import pandas
    from matplotlib.axes import Axes

NAMES = {
    "uniform": "uniform (log-linear)",
    "cosine": "cosine",
    "root-h": "density √h'",
    "least-kl": "least path KL",
    "root-g": "density √g",
    "least-ser": "least SER",
    "equal-sizes": "equal sizes",
    "least-kl-sizes": "sizes of least path KL",
    "tc-sizes": "TC sizes",
    "dtc-sizes": "DTC sizes",
}
TARGETS = {"ter_increase": "o", "ser": "s"}


def draw_schedules(table: pandas.DataFrame, folder: Path, languages: Sequence[str], shown: int) -> list[Path]:
    """Revealed fraction after each step beyond that of uniform steps: a panel for each language, a figure a length.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
        shown: Number of steps of the schedules drawn.
    """
    rows = table[table["metric"] == "revealed_fraction"]
    paths, lengths = [], sorted(rows["length"].unique())
    for length in lengths:
        with house_style():
            figure, panels = panels_for(languages)
            for language, axes in panels.items():
                here = rows[(rows["language"] == language) & (rows["length"] == length)]
                for name, style in _styles().items():
                    one = here[here["sampler"] == name].sort_values("after")
                    after = one["after"].astype(float)
                    # Against uniform steps, for curves that all lead from 0 to 1 lie on each other.
                    axes.plot(after, one["value"] - after / shown, label=NAMES[name], **style)
                axes.set_xlabel("step k")
                axes.xaxis.set_major_locator(MaxNLocator(integer=True))
                axes.set_xlim(0, shown)
            for axes in leftmost(panels.values()):
                axes.set_ylabel("revealed fraction after step k,\nbeyond k/N of uniform steps")
            common_legend(figure, handles_of(panels.values()), 5)
            figure.suptitle(f"The best schedule belongs to the language: N = {shown} steps, L = {length}")
            name = of_length("schedules", length, lengths)
            paths.append(save(figure, folder, name, "Schedules", experiment="schedules", note=""))
    return paths


def draw_steps_needed(table: pandas.DataFrame, folder: Path, languages: Sequence[str]) -> list[Path]:
    """Steps needed for the same error, relative to uniform steps, a panel for each language.

    Args:
        table: The tidy table.
        folder: Where the PNG files go.
        languages: The languages, in the order of the panels.
    """
    rows = table[table["metric"] == "steps_ratio"]
    families = [name for name in NAMES if name in set(rows["sampler"])]
    paths, lengths = [], sorted(rows["length"].unique())
    for length in lengths:
        with house_style():
            figure, panels = panels_for(languages)
            for language, axes in panels.items():
                here = rows[(rows["language"] == language) & (rows["length"] == length)]
                _dots(axes, here, families)
                axes.tick_params(labelleft=axes in leftmost([axes]))
                axes.set_xlabel("steps needed / uniform steps needed")
            left = min(axes.get_xlim()[0] for axes in panels.values())
            right = max(axes.get_xlim()[1] for axes in panels.values())
            ticks = [tick for tick in (0.01, 0.03, 0.1, 0.3, 0.5, 0.7, 1.0, 1.5, 2.0, 3.0) if left <= tick <= right]
            if right > 10 * left:
                ticks = [tick for tick in ticks if tick in (0.01, 0.03, 0.1, 0.3, 1.0, 3.0)]
            for axes in panels.values():
                axes.set_xlim(left, right)
                axes.xaxis.set_major_locator(FixedLocator(ticks))
                axes.xaxis.set_major_formatter(FuncFormatter(lambda ratio, _: f"{ratio:g}"))
                axes.xaxis.set_minor_locator(NullLocator())
            common_legend(figure, handles_of(panels.values()), 2)
            figure.suptitle(
                f"What a schedule made for the language saves: steps needed for the same error (L = {length})"
            )
            name = of_length("steps_needed", length, lengths)
            paths.append(save(figure, folder, name, "Steps needed at equal error", experiment="schedules", note=""))
    return paths


def _dots(axes: Axes, table: pandas.DataFrame, families: Sequence[str]) -> None:
    """A dot for each family and target; what an interval covers is a thin line."""
    colors = palette()
    axes.set_xscale("log")
    axes.axvline(1.0, color="0.6", linewidth=1.0)
    for place, (metric, marker) in enumerate(TARGETS.items()):
        rows = table[table["target"].str.startswith(metric)]
        for target in dict.fromkeys(rows["target"]):
            part = rows[rows["target"] == target].set_index("sampler")
            shift = 0.14 if place else -0.14
            heights = [families.index(name) + shift for name in part.index]
            value, low, high = (part[end].to_numpy("float64") for end in ("value", "low", "high"))
            exact = bool((part["method"] == "exact").all())
            axes.errorbar(
                value,
                heights,
                xerr=[(value - low).clip(min=0), (high - value).clip(min=0)],
                color=colors[0 if place == 0 else 3],
                marker=marker,
                fillstyle="full" if exact else "none",
                linestyle="",
                label=_target(target) + (", exact" if exact else ", estimate with 95 %"),
            )
    axes.set_yticks(range(len(families)), [NAMES[name] for name in families])
    axes.set_ylim(len(families) - 0.5, -0.5)


def _target(target: str) -> str:
    metric, _, limit = target.partition(" <= ")
    if metric == "ser":
        return f"SER ≤ {limit}"
    return f"TER increase ≤ {100 * float(limit):g} % (path law)"


def _styles() -> dict[str, dict[str, Any]]:
    """Each idea a colour: the optimum a line, its square-root density dots, fixed sizes broken lines."""
    blue, orange, green, red, purple, brown, *_ = palette()
    return {
        "uniform": {"color": "0.5"},
        "cosine": {"color": orange},
        "least-kl": {"color": blue},
        "root-h": {"color": blue, "linestyle": "", "marker": "o", "markersize": 4},
        "least-ser": {"color": red},
        "root-g": {"color": red, "linestyle": "", "marker": "s", "markersize": 4, "fillstyle": "none"},
        "least-kl-sizes": {"color": green, "linestyle": "--"},
        "tc-sizes": {"color": purple, "linestyle": ":"},
        "dtc-sizes": {"color": brown, "linestyle": ":"},
    }
