"""Titles and legends that lie within their figure, however many panels it has and however long the names are."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from matplotlib.backends.backend_agg import FigureCanvasAgg

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.figure import Figure
    from matplotlib.text import Text

FILLED = 0.98
"""Share of the figure's width that a title or a legend may take."""
OVERHANG = 1.08
"""Width that the title of a panel may take, in widths of the panel."""
LEAST_CHARACTERS = 12
"""Lines are not broken into shorter ones."""


def outside_legend(figure: Figure, handles: Sequence[Any], labels: Sequence[str], columns: int) -> None:
    """A legend below all panels, in as many columns as asked for and as fit.

    Args:
        figure: The figure.
        handles: What is drawn.
        labels: What it is called.
        columns: The most columns.
    """
    if not labels:
        return
    longest = max(map(len, labels))
    for width in (longest, *range(longest - 1, LEAST_CHARACTERS, -4)):
        for count in range(columns, 0, -1):
            shown = [textwrap.fill(label, width) for label in labels] if width < longest else list(labels)
            legend = figure.legend(handles, shown, loc="outside lower center", ncols=count)
            if _width(figure, legend) <= FILLED * figure.bbox.width:
                return
            legend.remove()


def fit(figure: Figure) -> None:
    """Break titles into lines that fit, and give the figure the height that they and its legend take.

    Args:
        figure: A figure with all that will be drawn in it.
    """
    height = figure.get_figheight()
    if (title := figure._suptitle) is not None:  # type: ignore[attr-defined]
        _break(title, figure, FILLED * figure.bbox.width)
    figure.draw_without_rendering()
    for axes in figure.axes:
        _break(axes.title, figure, OVERHANG * axes.bbox.width)
    # What stands around the panels must not take their place: a title of one line and a legend of one row are reckoned
    # with in the height that was asked for.
    around = [*figure.legends, *([title] if title is not None else [])]
    taken = sum(artist.get_window_extent(_renderer(figure)).height for artist in around) / figure.dpi
    lines = max((axes.get_title().count("\n") for axes in figure.axes), default=0)
    figure.set_figheight(height + max(0.0, taken - 0.5) + 0.15 * lines)


def apart(wanted: Sequence[float], sizes: Sequence[float], low: float, high: float) -> list[float]:
    """Places as near as may be to those wanted, in their order, such that nothing overlaps.

    Args:
        wanted: Middles.
        sizes: Extents.
        low: Lower end of the room for all.
        high: Its upper end; more is taken where they do not fit.
    """
    places, order = list(wanted), sorted(range(len(wanted)), key=lambda index: wanted[index])
    edge = low
    for index in order:
        places[index] = max(wanted[index], edge + sizes[index] / 2)
        edge = places[index] + sizes[index] / 2
    edge = max(high, low + sum(sizes))
    for index in reversed(order):
        places[index] = min(places[index], edge - sizes[index] / 2)
        edge = places[index] - sizes[index] / 2
    return places


def _break(text: Text, figure: Figure, most: float) -> None:
    """Break a text into lines, at spaces if it can be, else after commas, until it is no wider than so many pixels."""
    said = text.get_text()
    width = max((len(line) for line in said.splitlines()), default=0)
    while _width(figure, text) > most and width > LEAST_CHARACTERS:
        width -= 2
        lines = (_filled(line, width) for line in said.splitlines())
        text.set_text("\n".join(lines))


def _filled(line: str, width: int) -> str:
    if " " in line or len(line) <= width:
        return textwrap.fill(line, width, break_long_words=False, break_on_hyphens=False)
    shown = ""
    for part in line.replace(",", ",\0").split("\0"):
        fits = len(shown.rpartition("\n")[2]) + len(part) <= width or not shown
        shown += part if fits else f"\n{part}"
    return shown


def _width(figure: Figure, artist: Artist) -> float:
    return float(artist.get_window_extent(_renderer(figure)).width)


def _renderer(figure: Figure) -> Any:
    canvas = figure.canvas
    return (canvas if isinstance(canvas, FigureCanvasAgg) else FigureCanvasAgg(figure)).get_renderer()
