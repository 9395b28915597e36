"""Look-ups on the way through contexts, compiled for the CPU: of token strings in a tree of prefixes, of edges."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from languages.compilation import compiled

IntArray = NDArray[np.int64]


@compiled(nogil=True)
def states_of(strings: IntArray, first_child: IntArray, last_token: IntArray, node_state: IntArray) -> IntArray:
    """State of each string of tokens; −1 where there is none.

    Args:
        strings: (K, H), H at most the depth of the tree, with holes (which no node has).
        first_child: (N + 1,) children of node i are nodes first_child[i] … first_child[i + 1] − 1, sorted by token.
        last_token: (N,) last token of each node.
        node_state: (N,) state of each node, −1 if none.
    """
    result = np.empty(len(strings), dtype=np.int64)
    for k in range(len(strings)):
        node = 0
        for token in strings[k]:
            low, end = first_child[node], first_child[node + 1]
            node = low + np.searchsorted(last_token[low:end], token)
            if node == end or last_token[node] != token:
                node = -1
                break
        result[k] = node_state[node] if node >= 0 else -1
    return result


@compiled(nogil=True)
def edges_allowed(token: int, hole: int, low: int, high: int, edge_token: IntArray) -> tuple[int, int]:
    """The edges of one state that a token allows: all for a hole, else the one that emits it, if any."""
    if token == hole:
        return low, high
    end = high
    while low < high:
        middle = (low + high) // 2
        if edge_token[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low, low + 1 if low < end and edge_token[low] == token else low
