"""A drawing on paper: nodes, arrows, labels that keep apart, and a key to them."""

from __future__ import annotations

import dataclasses
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

from languages.drawing.curves import RADIUS, Curves

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

TEXT_STYLE = {"ha": "center", "va": "center", "parse_math": False}

CLASS_COLOURS = ("#56B4E9", "#E69F00", "#009E73", "#CC79A7", "#F0E442", "#D55E00")
"""Recurrent classes: Okabe and Ito's palette, which colour-blind readers tell apart."""

TRANSIENT_COLOUR, START_COLOUR = "#EDEDED", "#D55E00"

INCHES = 0.62
"""Size of one unit of the drawing, where the figure is made here."""

LINE_INCHES = 0.19
"""Height of a line of the key."""

TEXT, SMALL = 12.0, 8.0
"""Sizes of type in points where a unit is `INCHES`."""


@dataclasses.dataclass
class Arrow:
    """All edges from one node to another."""

    source: Hashable
    target: Hashable
    label: str
    probability: float | None


class Canvas:
    """One drawing: nodes are stadiums, arrows sampled curves, labels boxes that keep apart."""

    def __init__(
        self,
        graph: networkx.DiGraph,
        spots: dict[Hashable, Float[np.ndarray, " 2"]],
        half_widths: dict[Hashable, float],
        arrows: list[Arrow],
        ax: Axes | None,
        title: str | None,
    ) -> None:
        self.graph, self.spots, self.half_widths, self.title = graph, spots, half_widths, title
        self.arrows, self.geometry = arrows, Curves(graph, spots, half_widths)
        pairs = {(arrow.source, arrow.target) for arrow in arrows}
        self.curves = [
            self.geometry.arrow(arrow.source, arrow.target, (arrow.target, arrow.source) in pairs) for arrow in arrows
        ]
        self.starts = {node: self.geometry.start(node) for node, data in graph.nodes(data=True) if data["start"]}
        corners = {node: np.array([half_widths[node], RADIUS]) for node in graph}
        outlines = [spots[node] + sign * corner for node, corner in corners.items() for sign in (-1, 1)]
        covered = np.concatenate([outlines, *self.curves, *self.starts.values()])
        self.low, self.high = covered.min(0) - 0.32, covered.max(0) + 0.32
        size = self.high - self.low
        self.classes, self.signs = self._explained_classes(), self._explained_signs()
        if ax is None:
            import matplotlib.pyplot as plt

            above, below = 0.35 if title else 0.0, 0.05 + LINE_INCHES * (bool(self.signs) + bool(self.classes))
            # The key needs about 0.07 inches a letter.
            width, height = max(1.5, INCHES * size[0], 0.07 * len(self.signs)), INCHES * size[1]
            whole = height + above + below
            ax = plt.figure(figsize=(width, whole)).add_axes((0, below / whole, 1, height / whole))
        self.ax = ax
        box = ax.get_window_extent().transformed(ax.figure.dpi_scale_trans.inverted())
        self.scale = min(1.0, box.width / size[0] / INCHES, box.height / size[1] / INCHES)
        self.boxes: list[NDArray[np.float64]] = []

    def draw(self) -> Axes:
        """Arrows, then nodes, then labels, then the key."""
        self.ax.set_axis_off()
        self.ax.set_aspect("equal")
        self.ax.set_xlim(self.low[0], self.high[0])
        self.ax.set_ylim(self.low[1], self.high[1])
        drawn = list(zip(self.arrows, self.curves, strict=True))
        for arrow, curve in sorted(drawn, key=lambda pair: pair[0].probability or 0):
            self._stroke(curve, arrow.probability)
        for ray in self.starts.values():
            self._stroke(ray, None, colour=START_COLOUR)
        for node, data in self.graph.nodes(data=True):
            self._draw_node(node, data)
        # Short curves have the least choice.
        for arrow, curve in sorted(drawn, key=lambda pair: float(np.abs(np.diff(pair[1], axis=0)).sum())):
            if arrow.label:
                self._draw_label(arrow, curve)
        self._key()
        if self.title:
            self.ax.set_title(self.title, fontsize=TEXT * self.scale)
        return self.ax

    # Arrows -------------------------------------------------------------------------------------------------------

    def _stroke(self, curve: NDArray[np.float64], probability: float | None, *, colour: str | None = None) -> None:
        from matplotlib.patches import Polygon

        width = 1.3 if probability is None else 0.7 + 2.8 * probability
        if colour is None:
            grey = 0.25 if probability is None else 0.66 - 0.5 * min(1.0, probability) ** 0.6
            colour = str(round(grey, 3))
        head = 0.15 + 0.03 * width
        away = np.linalg.norm(curve - curve[-1], axis=1)
        cut = int(np.flatnonzero(away >= 0.8 * head)[-1]) + 1 if away[0] > head else 1
        self.ax.plot(*curve[:cut].T, color=colour, linewidth=width * self.scale, solid_capstyle="butt", zorder=1)
        base = curve[np.flatnonzero(away >= head)[-1]] if away[0] > head else curve[0]
        forward = (curve[-1] - base) / np.linalg.norm(curve[-1] - base)
        side = np.array([-forward[1], forward[0]]) * 0.42 * head
        foot = curve[-1] - forward * head
        self.ax.add_patch(
            Polygon([curve[-1], foot + side, foot - side], closed=True, color=colour, linewidth=0, zorder=2)
        )

    # Nodes and labels ---------------------------------------------------------------------------------------------

    def _draw_node(self, node: Hashable, data: dict) -> None:
        from matplotlib.patches import FancyBboxPatch

        spot, width = self.spots[node], self.half_widths[node]
        corner = float(spot[0]) - width, float(spot[1]) - RADIUS
        style = f"round,pad=0,rounding_size={RADIUS}"
        colour = _colour(data["recurrent_class"])
        self.ax.add_patch(
            FancyBboxPatch(
                corner, 2 * width, 2 * RADIUS, boxstyle=style, facecolor=colour, edgecolor="0.2",
                linewidth=self.scale, zorder=3,
            )
        )  # fmt: skip
        emits = data.get("emits", "")
        lift = 0.1 if emits else 0.0
        self._text(data["label"], spot[0], spot[1] + lift, TEXT)
        if emits:
            self._text(emits, spot[0], spot[1] - 0.17, SMALL, colour="0.25")

    def _text(self, text: str, x: float, y: float, size: float, *, colour: str = "black") -> None:
        self.ax.text(x, y, text, TEXT_STYLE, fontsize=size * self.scale, color=colour, zorder=6)

    def _draw_label(self, arrow: Arrow, curve: NDArray[np.float64]) -> None:
        """Write where the label hides least: no other label, no node, few other arrows."""
        half = np.array([0.05 * len(arrow.label) + 0.03, 0.1])
        length = len(curve) - 1
        if arrow.source == arrow.target:
            apex = curve[length // 2]
            away = (apex - self.spots[arrow.source]) / np.linalg.norm(apex - self.spots[arrow.source])
            spots = [apex + away * step * (half @ np.abs(away)) for step in (0.6, 1.0, 0.0)]
        else:
            shares = (0.5, 0.42, 0.58, 0.34, 0.66, 0.27, 0.73, 0.2, 0.8)
            spots = [curve[int(share * length)] for share in shares]
        points = np.concatenate([other for other in self.curves if other is not curve] or [np.empty((0, 2))])
        best = None
        for rank, spot in enumerate(spots):
            overlap = sum(bool((np.abs(spot - box[0]) < half + box[1]).all()) for box in self.boxes)
            corners = spot + half * np.array([[-1, -1], [-1, 1], [1, -1], [1, 1], [0, 0]])
            touched = sum(float(self.geometry.distance(corners, node).min()) < 0.02 for node in self.graph)
            hidden = int((np.abs(points - spot) < half).all(1).sum())
            cost = 1000 * overlap + 500 * touched + hidden + 2 * rank
            if best is None or cost < best[0]:
                best = cost, spot
        assert best is not None
        self.boxes.append(np.stack([best[1], half]))
        box = {"boxstyle": "round,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.92}
        x, y = best[1].tolist()
        self.ax.text(x, y, arrow.label, TEXT_STYLE, fontsize=SMALL * self.scale, zorder=5, bbox=box)

    def _explained_classes(self) -> dict[int, str]:
        """What the colours mean, where it is not plain: by class number, transient last."""
        periods = {data["recurrent_class"]: data["period"] for _, data in self.graph.nodes(data=True)}
        if len(periods) == 1 and max(periods.values()) <= 1:
            return {}
        names = {}
        for number in sorted(periods, key=lambda n: (n < 0, n)):
            name = "transient" if number < 0 else "recurrent"
            if number >= 0 and sum(n >= 0 for n in periods) > 1:
                name += f" {number + 1}"
            if number >= 0 and periods[number] > 1:
                name += f", period {periods[number]}"
            names[number] = name
        return names

    def _explained_signs(self) -> str:
        """What else needs a word."""
        signs = []
        if any("emits" in data for _, data in self.graph.nodes(data=True)):
            signs.append("small print: tokens emitted")
        if any(arrow.probability is not None and arrow.probability < 1 - 1e-9 for arrow in self.arrows):
            signs.append("width: probability")
        if len(self.starts) > 1:
            signs.append("orange: may start here")
        return " · ".join(signs)

    def _key(self) -> None:
        from matplotlib.patches import Patch

        if not self.classes and not self.signs:
            return
        handles = [Patch(facecolor=_colour(n), edgecolor="0.2", label=name) for n, name in self.classes.items()]
        legend = self.ax.legend(
            handles=handles, title=self.signs, loc="upper center", bbox_to_anchor=(0.5, 0.0), borderaxespad=0.1,
            borderpad=0.0, ncols=3, frameon=False, fontsize=SMALL * self.scale, title_fontsize=SMALL * self.scale,
            handlelength=1.2, columnspacing=1.2,
        )  # fmt: skip
        legend.get_title().set_color("0.35")


def _colour(number: int) -> str:
    """Colour of a recurrent class; grey for the transient states, numbered −1."""
    return TRANSIENT_COLOUR if number < 0 else CLASS_COLOURS[number % len(CLASS_COLOURS)]
