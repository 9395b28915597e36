"""The curves of a drawing: arrows from node to node that pass the others by."""

from __future__ import annotations

import math
from collections.abc import Hashable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

if TYPE_CHECKING:
    import networkx

BENDS = (0.0, 0.1, -0.1, 0.2, -0.2, 0.3, -0.3, 0.42, -0.42, 0.55)
"""Ways to bend an arrow, as shares of its length, the first that passes by all nodes being taken."""

RADIUS = 0.36
"""Radius of a node in units."""


class Curves:
    """Arrows as sampled curves between nodes that are stadiums: two half circles and what lies between them.

    Args:
        graph: The nodes and which of them are joined.
        spots: The middle of each node, in units.
        half_widths: Half the width of each, in units.
    """

    def __init__(
        self,
        graph: networkx.DiGraph,
        spots: dict[Hashable, Float[np.ndarray, " 2"]],
        half_widths: dict[Hashable, float],
    ) -> None:
        self.spots, self.half_widths = spots, half_widths
        self._centre = np.mean(list(spots.values()), axis=0)
        self._loops = {node for node in graph if graph.has_edge(node, node)}
        self._joined = {node: {*graph.predecessors(node), *graph.successors(node)} - {node} for node in graph}

    def distance(self, points: NDArray[np.float64], node: Hashable) -> NDArray[np.float64]:
        """Distance of points to the outline of a node, negative inside."""
        offset = points - self.spots[node]
        core = self.half_widths[node] - RADIUS
        nearest = np.stack([np.clip(offset[:, 0], -core, core), np.zeros(len(offset))], axis=1)
        return np.linalg.norm(offset - nearest, axis=1) - RADIUS

    def arrow(self, source: Hashable, target: Hashable, both_ways: bool) -> NDArray[np.float64]:
        """(P, 2) points from the outline of one node to that of another, or round a loop; other nodes are passed by.

        Args:
            source: Where it begins.
            target: Where it ends.
            both_ways: Whether there is an arrow back, too.
        """
        begin, end = self.spots[source], self.spots[target]
        if source == target:
            angle = self._outwards(source)
            reach = float(np.linalg.norm(self._rim(source, angle) - begin)) + 0.85
            turns = (0.62, -0.62)
            arms = [begin + reach * np.array([math.cos(angle + turn), math.sin(angle + turn)]) for turn in turns]
            curve = _bezier(begin, arms[0], arms[1], end)
        else:
            across = np.array([end[1] - begin[1], begin[0] - end[0]])
            # Arrows there and back run side by side; others are straight, unless a node is in the way.
            least = min(0.2, 0.4 / float(np.linalg.norm(across))) if both_ways else 0.0
            best = None
            for bend in [least + more for more in BENDS if not both_ways or more >= 0]:
                middle = (begin + end) / 2 + bend * across
                curve = _bezier(begin, (begin + 2 * middle) / 3, (end + 2 * middle) / 3, end)
                others = [node for node in self.spots if node not in (source, target)]
                room = min([0.12, *(float(self.distance(curve, node).min()) for node in others)])
                if best is None or room > best[0] + 1e-6:
                    best = room, curve
            assert best is not None
            curve = best[1]
        outside = (self.distance(curve, source) > 0.02) & (self.distance(curve, target) > 0.05)
        inside = np.flatnonzero(outside)
        return curve[inside[0] : inside[-1] + 1]

    def _rim(self, node: Hashable, angle: float) -> NDArray[np.float64]:
        """The point of a node's outline in a direction from its middle."""
        direction = np.array([math.cos(angle), math.sin(angle)])
        ray = self.spots[node] + direction * np.linspace(self.half_widths[node], 0, 200)[:, None]
        return ray[np.argmin(np.abs(self.distance(ray, node)))]

    def start(self, node: Hashable) -> NDArray[np.float64]:
        """(P, 2) points of the short arrow from nowhere into a node."""
        angle = self._outwards(node) + (1.0 if node in self._loops else 0.0)
        outwards = np.array([math.cos(angle), math.sin(angle)])
        return self._rim(node, angle) + outwards * np.linspace(0.4, 0.05, 60)[:, None]

    def _outwards(self, node: Hashable) -> float:
        """Direction from a node into free space, away from the middle of the drawing where there is a choice."""
        spot = self.spots[node]
        towards = [math.atan2(*(self.spots[other] - spot)[::-1]) for other in self._joined[node]]
        away = spot - self._centre
        preferred = math.atan2(away[1], away[0]) if np.linalg.norm(away) > 1e-6 else math.pi / 2
        if not towards:
            return preferred
        candidates = np.concatenate([[preferred], np.arange(24) * math.pi / 12])
        gaps = np.abs((candidates[:, None] - np.array(towards) + math.pi) % (2 * math.pi) - math.pi).min(1)
        return float(candidates[np.argmax(np.minimum(gaps, 1.05))])


def _bezier(*controls: NDArray[np.float64]) -> NDArray[np.float64]:
    """Points of a cubic curve."""
    t = np.linspace(0, 1, 240)[:, None]
    a, b, c, d = controls
    return (1 - t) ** 3 * a + 3 * (1 - t) ** 2 * t * b + 3 * (1 - t) * t**2 * c + t**3 * d
