"""What the figures of several experiments share: palette, one legend for all panels, equal axes, names of files."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.harness.figures import log_values, new_figure, save_figure
from experiments.harness.fitting import outside_legend

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def palette() -> list[Any]:
    """Ten colours, safe for colour-blind eyes."""
    import seaborn

    return list(seaborn.color_palette("colorblind", 10))


def panels_for(
    names: Sequence[str], *, most: int = 3, width: float = 4.0, height: float = 3.4
) -> tuple[Figure, dict[str, Axes]]:
    """A figure with a titled panel for each name, in rows.

    Args:
        names: Titles of the panels, such as languages.
        most: The most panels in a row.
        width: Inches per panel.
        height: Inches per panel.
    """
    names = list(dict.fromkeys(names))
    columns = min(most, len(names))
    figure, panels = new_figure(columns, -(-len(names) // columns), width=width, height=height)
    for axes in panels[len(names) :]:
        axes.remove()
    named = dict(zip(names, panels, strict=False))
    for name, axes in named.items():
        axes.set_title(name)
    return figure, named


def leftmost(panels: Collection[Axes]) -> list[Axes]:
    """The panels at the left edge, which carry the labels of the upright axes."""
    return [axes for axes in panels if axes.get_subplotspec().is_first_col()]  # type: ignore[union-attr]


def handles_of(panels: Iterable[Axes]) -> dict[str, Any]:
    """Every label of some panels with the first handle that carries it."""
    handles: dict[str, Any] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    return handles


def common_legend(figure: Figure, handles: dict[str, Any], columns: int | None = None) -> None:
    """One legend below all panels.

    Args:
        figure: The figure.
        handles: Handles by label, as `handles_of` gives them.
        columns: The most columns of the legend; None for a single row. Fewer are taken where these do not fit.
    """
    outside_legend(figure, list(handles.values()), list(handles), len(handles) if columns is None else columns)


def same_heights(panels: Sequence[Axes], least: float = 0.0) -> None:
    """Give all panels the upright range that holds the ranges of each, but for what lies below `least`."""
    ends = [axes.get_ylim() for axes in panels]
    for axes in panels:
        axes.set_ylim(max(min(low for low, _ in ends), least), max(high for _, high in ends))


def percent_values(axes: Axes) -> None:
    """Make the upright axis logarithmic, with ticks at 1 % and 3 % and their powers of ten."""
    log_values(axes, "")
    axes.yaxis.set_major_locator(LogLocator(subs=(1.0, 3.0)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda percent, _: f"{percent:g} %"))
    axes.yaxis.set_minor_locator(NullLocator())


def of_length(name: str, length: int, lengths: Collection[int]) -> str:
    """A name that says the length, where there are several."""
    return f"{name}_L{length}" if len(set(lengths)) > 1 else name


def save(
    figure: Figure, folder: Path, name: str, title: str, *, experiment: str, note: str = "intervals are 95 %"
) -> Path:
    """Save a figure, and in its file what made it.

    Args:
        figure: The figure.
        folder: Where the PNG file goes.
        name: The name of the file without its ending.
        title: What it shows.
        experiment: The experiment that made it.
        note: What else there is to know.
    """
    description = "; ".join(part for part in (f"mdmtheory, python -m experiments.{experiment}", note) if part)
    return save_figure(figure, folder / f"{name}.png", title=title, description=description)
