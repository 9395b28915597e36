"""Paths of a deterministic automaton: all of them in order, and uniform draws."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from jaxtyping import Float, Int

from languages.automata.edges import EdgeList


def list_paths(edges: EdgeList, length: int, batch_size: int) -> Iterator[Int[np.ndarray, "B L"]]:
    """Tokens of all paths of a length from the start in lexicographic order, a batch at a time.

    Depth first on batches of prefixes: no prefix is a dead end, so memory stays within some L·V batches.
    """
    degrees = np.diff(edges.offsets)
    pending = [(np.zeros(1, dtype=np.int64), np.zeros((1, 0), dtype=np.int64))]
    while pending:
        states, prefixes = pending.pop()
        if prefixes.shape[1] == length:
            yield prefixes
            continue
        degree = degrees[states]
        row = np.repeat(np.arange(len(states)), degree)
        edge = np.arange(len(row)) - np.repeat(np.cumsum(degree) - degree, degree) + edges.offsets[states][row]
        longer = np.concatenate([prefixes[row], edges.token[edge, None]], axis=1)
        for start in reversed(range(0, len(row), batch_size)):
            part = slice(start, start + batch_size)
            pending.append((edges.target[edge[part]], longer[part]))


def draw_paths(edges: EdgeList, uniforms: Float[np.ndarray, "L B"]) -> Int[np.ndarray, "B L"]:
    """Tokens of paths drawn uniformly: each edge has the share of the continuations that go through it.

    Args:
        edges: The automaton, as far as paths of L tokens go.
        uniforms: (L, B) independent, in [0, 1).
    """
    length, batch = uniforms.shape
    ways = edges.log_continuations(length)
    widest = int(np.diff(edges.offsets).max())
    states = np.zeros(batch, dtype=np.int64)
    tokens = np.empty((batch, length), dtype=np.int64)
    for position in range(length):
        choices = edges.offsets[states][:, None] + np.arange(widest)
        valid = choices < edges.offsets[states + 1][:, None]
        choices = np.where(valid, choices, 0)
        shares = ways[length - 1 - position, edges.target[choices]] - ways[length - position, states][:, None]
        running = np.where(valid, np.exp(np.where(valid, shares, 0.0)), 0.0).cumsum(1)
        drawn = (running <= uniforms[position][:, None] * running[:, -1:]).sum(1)
        edge = edges.offsets[states] + drawn
        tokens[:, position], states = edges.token[edge], edges.target[edge]
    return tokens
