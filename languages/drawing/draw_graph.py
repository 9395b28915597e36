"""Drawings of small automata and chains that a person can read."""

from __future__ import annotations

from collections.abc import Hashable
from typing import TYPE_CHECKING, Literal, get_args

from languages.drawing.canvas import Arrow, Canvas
from languages.drawing.curves import RADIUS
from languages.drawing.layout import Layout, place_nodes

if TYPE_CHECKING:
    import networkx
    from matplotlib.axes import Axes

EdgeLabels = Literal["auto", "tokens", "probabilities", "both", "none"]

DRAWING_LIMIT = 40
"""Most states that a person can read."""

LABELLED_EDGES = 36
"""Drawings with more arrows than this show probabilities as widths only."""


def draw_graph(
    graph: networkx.DiGraph,
    ax: Axes | None = None,
    *,
    layout: Layout = "auto",
    edge_labels: EdgeLabels = "auto",
    title: str | None = None,
) -> Axes:
    """Draw a graph of states as `SupportAutomaton.graph` and `MarkovChain.graph` build it.

    Edges that join the same two states become one arrow, as wide as their probability and labelled as asked. A short
    arrow from nowhere marks the states a sequence may start in. Recurrent classes have a colour each, transient states
    are grey.

    Args:
        graph: Nodes with `label`, `start`, `recurrent_class` (−1 if transient), `period` and maybe `emits`; edges with
            `symbol`, `probability` or both.
        ax: Where to draw; None makes a figure of the size that the drawing needs.
        layout: See `place_nodes`.
        edge_labels: "auto" writes the tokens if the labels of the states do not tell them, and the probabilities if
            the arrows are few.
        title: A title.

    Raises:
        ValueError: More than 40 states, or an unknown layout or kind of labels.
    """
    if edge_labels not in get_args(EdgeLabels):
        raise ValueError(f"edge_labels must be one of {', '.join(get_args(EdgeLabels))}, got {edge_labels!r}")
    check_drawable(len(graph))
    arrows = _merge(graph, edge_labels)
    half_widths = {node: _half_width(data) for node, data in graph.nodes(data=True)}
    labelled = any(arrow.label for arrow in arrows)
    spacing = 2 * max(half_widths.values()) + (1.25 if labelled or len(arrows) > LABELLED_EDGES else 0.9)
    simple = _simple(graph, arrows)
    spots = place_nodes(simple, layout, spacing)
    return Canvas(graph, spots, half_widths, arrows, ax, title).draw()


def check_drawable(num_states: int) -> None:
    """Refuse more states than a person can read."""
    if num_states > DRAWING_LIMIT:
        raise ValueError(
            f"{num_states} states are too many to read, at most {DRAWING_LIMIT} are drawn; "
            "graph() hands them to other tools"
        )


def _merge(graph: networkx.DiGraph, edge_labels: EdgeLabels) -> list[Arrow]:
    """One arrow for each ordered pair of joined nodes."""
    joined: dict[tuple[Hashable, Hashable], list[dict]] = {}
    for source, target, data in graph.edges(data=True):
        joined.setdefault((source, target), []).append(data)
    told = graph.graph.get("labels_tell_tokens", False)
    few = len(joined) <= LABELLED_EDGES
    arrows = []
    for (source, target), parallel in joined.items():
        parts = []
        symbols = [data["symbol"] for data in parallel if "symbol" in data]
        if symbols and (edge_labels in ("tokens", "both") or (edge_labels == "auto" and not told)):
            parts.append(graph.graph["symbols"].set(data["token"] for data in parallel))
        probability = None
        if all("probability" in data for data in parallel):
            probability = sum(data["probability"] for data in parallel)
            certain = probability > 1 - 1e-9 and edge_labels == "auto"
            if edge_labels in ("probabilities", "both") or (edge_labels == "auto" and few and not certain):
                parts.append(_short(probability))
        arrows.append(Arrow(source, target, ": ".join(parts), probability))
    return arrows


def _short(probability: float) -> str:
    """Two digits without the leading zero, as in .25; powers of ten for tiny ones."""
    if probability < 0.005:
        return f"{probability:.0e}".replace("e-0", "e-")
    text = f"{probability:.2f}"
    return text[1:] if text.startswith("0") else text.rstrip("0").rstrip(".")


def _simple(graph: networkx.DiGraph, arrows: list[Arrow]) -> networkx.DiGraph:
    import networkx

    simple = networkx.DiGraph()
    simple.add_nodes_from(graph)
    simple.add_edges_from((arrow.source, arrow.target) for arrow in arrows)
    return simple


def _half_width(data: dict) -> float:
    """Half the width of a node, in units, so that its label fits."""
    letters = max(1.25 * len(data["label"]), 0.85 * len(data.get("emits", "")))
    return max(RADIUS, 0.1 * letters + 0.14)
