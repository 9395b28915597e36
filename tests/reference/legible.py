"""Whether a figure can be read: nothing that is written leaves it or lies on something else."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure


def check_legible(figure: Figure) -> None:
    """Titles and legends lie within the figure, the legend below all panels, the title above them."""
    figure.draw_without_rendering()
    page = figure.bbox.padded(1)
    title = figure._suptitle
    named = [*figure.legends, *([title] if title is not None else []), *(axes.title for axes in figure.axes)]
    for artist in named:
        box = artist.get_window_extent()
        assert box.width == 0 or (page.contains(box.x0, box.y0) and page.contains(box.x1, box.y1)), artist
    for axes in figure.axes:
        # Lines across a whole panel, such as at zero or one, are there without any number.
        lines = [line for line in axes.lines if line.get_transform() == axes.transData]
        drawn = any(np.isfinite(np.asarray(line.get_ydata(), dtype=float)).any() for line in lines)
        assert drawn or axes.collections or axes.texts, f"nothing is drawn in {axes.get_title()!r}"
        assert min(axes.bbox.width, axes.bbox.height) > 60, axes
        for legend in figure.legends:
            assert legend.get_window_extent().y1 <= axes.bbox.y0
        for other in figure.axes:
            box, beside = axes.title.get_window_extent(), other.title.get_window_extent()
            assert other is axes or not axes.get_title() or not other.get_title() or not box.overlaps(beside)
        if title is not None:
            assert axes.title.get_window_extent().y1 <= title.get_window_extent().y0 + 1
