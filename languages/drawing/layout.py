"""Where the states of a small graph are drawn: a star, a circle or layers, as its structure asks."""

from __future__ import annotations

import math
from collections.abc import Hashable, Sequence
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray

if TYPE_CHECKING:
    import networkx

Layout = Literal["auto", "circular", "layered", "star"]

DENSE = 0.45
"""Share of all pairs that are joined from which no order on a circle is clearer than the natural one."""


def place_nodes(graph: networkx.DiGraph, layout: Layout, spacing: float) -> dict[Hashable, Float[np.ndarray, " 2"]]:
    """Position of every node, in units of which a node is about one wide.

    Args:
        graph: At most one edge for each ordered pair of nodes.
        layout: "star" (a hub amid the others), "circular", "layered" (communicating classes from left to right, each a
            circle) or "auto": a star if all edges meet one node, a circle if all states communicate, else layers.
        spacing: Distance of neighbours.

    Raises:
        ValueError: An unknown layout, or a star without a hub.
    """
    import networkx

    if layout not in get_args(Layout):
        raise ValueError(f"layout must be one of {', '.join(get_args(Layout))}, got {layout!r}")
    hub = _hub(graph)
    if layout == "star" and hub is None:
        raise ValueError("layout='star' needs a state that all edges meet, this graph has none; use 'circular'")
    if layout == "auto":
        layout = "star" if hub is not None else "circular" if networkx.is_strongly_connected(graph) else "layered"
    if layout == "star":
        others = [node for node in graph if node != hub]
        rim = _circle(others, spacing, least=1.1 * spacing)
        return {hub: np.zeros(2), **rim}
    if layout == "circular":
        return _circle(_round_trip(graph, list(graph)), spacing)
    return _layers(graph, spacing)


def _hub(graph: networkx.DiGraph) -> Hashable | None:
    """The node that every edge between two nodes meets, if there are at least three others."""
    pairs = [{source, target} for source, target in graph.edges if source != target]
    for node in graph:
        if len(graph) > 3 and pairs and all(node in pair for pair in pairs):
            return node
    return None


def _circle(nodes: Sequence[Hashable], spacing: float, *, least: float = 0.0) -> dict[Hashable, NDArray[np.float64]]:
    """Clockwise from the top."""
    count = len(nodes)
    radius = max(least, spacing / (2 * math.sin(math.pi / count)) if count > 1 else 0.0)
    # Two nodes side by side, three and more from the top.
    turn = math.pi if count == 2 else math.pi / 2
    angles = turn - 2 * math.pi * np.arange(count) / max(1, count)
    return {node: radius * np.array([math.cos(a), math.sin(a)]) for node, a in zip(nodes, angles, strict=True)}


def _round_trip(graph: networkx.DiGraph, nodes: list[Hashable]) -> list[Hashable]:
    """An order on a circle in which joined nodes are close: exchanges of two as long as they help."""
    count = len(nodes)
    index = {node: place for place, node in enumerate(nodes)}
    pairs = np.array([(index[a], index[b]) for a, b in graph.subgraph(nodes).edges if a != b]).reshape(-1, 2)
    if count < 4 or len(pairs) > DENSE * count * (count - 1):
        return nodes

    def length(places: NDArray[np.int64]) -> float:
        apart = np.abs(places[pairs[:, 0]] - places[pairs[:, 1]])
        forwards = (places[pairs[:, 1]] - places[pairs[:, 0]]) % count == 1
        return float((np.minimum(apart, count - apart) ** 1.5).sum() - 0.1 * forwards.sum())

    best: tuple[float, NDArray[np.int64]] | None = None
    rng = np.random.default_rng(0)
    for attempt in range(8):
        places = np.arange(count) if attempt == 0 else rng.permutation(count)
        current, improved = length(places), True
        while improved:
            improved = False
            for i in range(count):
                for j in range(i):
                    places[[i, j]] = places[[j, i]]
                    trial = length(places)
                    if trial < current - 1e-9:
                        current, improved = trial, True
                    else:
                        places[[i, j]] = places[[j, i]]
        if best is None or current < best[0] - 1e-9:
            best = current, places
    assert best is not None
    order = np.argsort(best[1])
    first = int(np.flatnonzero(order == 0)[0])
    return [nodes[place] for place in np.roll(order, -first)]


def _layers(graph: networkx.DiGraph, spacing: float) -> dict[Hashable, NDArray[np.float64]]:
    """Classes in the order in which the chain passes them, left to right."""
    import networkx

    condensed = networkx.condensation(graph)
    depth: dict[int, int] = {}
    for block in networkx.topological_sort(condensed):
        depth[block] = max((depth[before] + 1 for before in condensed.predecessors(block)), default=0)
    result: dict[Hashable, NDArray[np.float64]] = {}
    middle: dict[int, float] = {}
    edge = 0.0
    for layer in range(max(depth.values()) + 1):
        blocks = sorted(block for block in depth if depth[block] == layer)
        if layer:
            blocks.sort(key=lambda b: -float(np.mean([middle[p] for p in condensed.predecessors(b)])))
        circles = []
        for block in blocks:
            members = sorted(condensed.nodes[block]["members"], key=list(graph).index)
            circles.append(_circle(_round_trip(graph, members), spacing))
        radii = [max(float(np.linalg.norm(spot)) for spot in circle.values()) for circle in circles]
        height = sum(2 * radius + spacing for radius in radii) - spacing
        top = height / 2
        for block, circle, radius in zip(blocks, circles, radii, strict=True):
            centre = np.array([edge + max(radii), top - radius])
            middle[block] = float(centre[1])
            result |= {node: centre + spot for node, spot in circle.items()}
            top -= 2 * radius + spacing
        edge += 2 * max(radii) + 1.35 * spacing
    return result
