"""What the figures of several experiments share: palette, one legend for all panels, equal axes, names of files."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from experiments.harness.figures import log_values, save_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


def palette() -> list[Any]:
    """Ten colours, safe for colour-blind eyes."""
    import seaborn

    return list(seaborn.color_palette("colorblind", 10))


def handles_of(panels: Sequence[Axes]) -> dict[str, Any]:
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
        columns: Columns of the legend; None for a single row.
    """
    columns = len(handles) if columns is None else columns
    figure.legend(list(handles.values()), list(handles), loc="outside lower center", ncols=columns)


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
