"""What the legends of a figure say."""

from __future__ import annotations

from matplotlib.figure import Figure


def legend_of(figure: Figure) -> list[str]:
    """Labels of all legends, those of the figure first, then those of its panels; unbroken."""
    legends = [*figure.legends, *(axes.get_legend() for axes in figure.axes if axes.get_legend() is not None)]
    return [" ".join(text.get_text().split()) for legend in legends for text in legend.get_texts()]
