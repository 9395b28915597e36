"""The automaton of a support as a networkx graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float

from languages.automata.edges import EdgeList
from languages.automata.structure import ClassStructure
from languages.drawing.labels import Symbols

if TYPE_CHECKING:
    import networkx


@dataclasses.dataclass(frozen=True, kw_only=True)
class GraphLabels:
    """What a graph says of states and edges beside how they are joined.

    Attributes:
        state_name: The label of each state.
        symbols: The names of tokens.
        probabilities: (E,) probability of each edge, if edges have one.
        prelude: How many states, the first ones, are contexts of less than n − 1 tokens.
        tell_tokens: Whether the label of a state tells the token of the edges into it.
    """

    state_name: Callable[[int], str]
    symbols: Symbols
    probabilities: Float[np.ndarray, " E"] | None = None
    prelude: int = 0
    tell_tokens: bool = False


def support_graph(edges: EdgeList, structure: ClassStructure, labels: GraphLabels) -> networkx.MultiDiGraph:
    """The graph that `SupportAutomaton.graph` describes."""
    import networkx

    graph = networkx.MultiDiGraph(labels_tell_tokens=labels.tell_tokens, symbols=labels.symbols)
    for state, (number, period) in enumerate(zip(*structure.colours(), strict=True)):
        graph.add_node(
            state,
            label=labels.state_name(state),
            start=state == 0,
            prelude=state < labels.prelude,
            recurrent_class=int(number),
            period=int(period),
        )
    for edge in range(len(edges.source)):
        token = int(edges.token[edge])
        data = {"token": token, "symbol": labels.symbols.names[token]}
        if labels.probabilities is not None:
            data["probability"] = float(labels.probabilities[edge])
        graph.add_edge(int(edges.source[edge]), int(edges.target[edge]), key=token, **data)
    return graph


def without_prelude(graph: networkx.MultiDiGraph) -> networkx.MultiDiGraph:
    """The graph, the states of its prelude taken out; those that they lead to become starts."""
    shorter = [node for node, data in graph.nodes(data=True) if data["prelude"]]
    for _, target in list(graph.edges(shorter)):
        graph.nodes[target]["start"] = True
    graph.remove_nodes_from(shorter)
    return graph
