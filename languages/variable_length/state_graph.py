"""The states of a language with an end token: where they lead, and how soon they end."""

from __future__ import annotations

import functools

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import splu
from torch import Tensor

DRAW_ENTRIES = 1 << 22
"""Edges that one draw looks at; more sequences go in turns."""


class StateGraph:
    """Edges between states, sorted by source; state 0 is the start, before the first token.

    A state emits a token when it is entered. Some emit the end; those lead to each other alone.

    Attributes:
        source: (E,) state an edge leaves.
        target: (E,) state it enters.
        prob: (E,) its probability, > 0.
        ends: (S,) whether a state emits the end.
    """

    def __init__(
        self, source: Int[Tensor, " E"], target: Int[Tensor, " E"], prob: Float[Tensor, " E"], ends: Bool[Tensor, " S"]
    ) -> None:
        self.source, self.target, self.ends = (array.cpu().numpy() for array in (source, target, ends))
        self.prob = prob.cpu().numpy()
        self.offsets = np.searchsorted(self.source, np.arange(len(self.ends) + 1))

    def endless(self) -> NDArray[np.int64]:
        """States that can be reached and from which the end cannot."""
        size = len(self.ends)
        virtual = np.full(int(self.ends.sum()), size)
        rows, columns = np.append(self.source, np.flatnonzero(self.ends)), np.append(self.target, virtual)
        graph = sparse.csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(size + 1, size + 1))
        reached = csgraph.breadth_first_order(graph, 0, return_predecessors=False)
        ending = csgraph.breadth_first_order(graph.T.tocsr(), size, return_predecessors=False)
        return np.setdiff1d(reached, ending)

    def fewest_slots(self) -> int:
        """How many slots the shortest sequence and its end take."""
        graph = sparse.csr_matrix((self.prob, (self.source, self.target)), shape=(len(self.ends),) * 2)
        return int(csgraph.dijkstra(graph, indices=0, unweighted=True)[self.ends].min())

    @functools.cached_property
    def _step(self) -> sparse.csr_matrix:
        """Transposed transition between states of tokens: what leads out of ends is left out."""
        alive = ~self.ends[self.source]
        entries = self.prob[alive], (self.target[alive], self.source[alive])
        return sparse.csr_matrix(entries, shape=(len(self.ends),) * 2)

    def length_law(self, length: int) -> Float[np.ndarray, " L+1"]:
        """P(|X| = ℓ) for ℓ < L, and P(|X| ≥ L)."""
        law = np.zeros(len(self.ends))
        law[0] = 1.0
        result = np.empty(length + 1)
        for position in range(length):
            law = self._step @ law
            result[position] = law[self.ends].sum()
            law[self.ends] = 0.0
        result[length] = law.sum()
        return result

    def mean_length(self) -> float:
        """Expected number of tokens: visits to states that emit one, v = e₀ + Aᵀv, less the one to the start."""
        reached = sparse.csgraph.breadth_first_order(self._step.T.tocsr(), 0, return_predecessors=False)
        alive = np.sort(reached[~self.ends[reached]])
        inside = self._step[alive][:, alive].tocsc()
        start = np.zeros(len(alive))
        start[0] = 1.0
        try:
            visits = splu(sparse.identity(len(alive), format="csc") - inside).solve(start)
        except RuntimeError:  # singular: the end is so rare that 1 − stop is 1 in floating point
            return float("inf")
        return float(visits[1:].sum())

    def log_ending(self, length: int) -> Float[np.ndarray, "L+1 S"]:
        """Row k: log-probability, from each state in slot k (0 is the start), to have ended by slot L."""
        result = np.empty((length + 1, len(self.ends)))
        with np.errstate(divide="ignore"):
            result[length] = np.log(self.ends.astype(np.float64))
        log_prob = np.log(self.prob)
        for slot in reversed(range(length)):
            result[slot] = np.logaddexp.reduceat(log_prob + result[slot + 1][self.target], self.offsets[:-1])
        return result

    def draw(
        self,
        states: Int[Tensor, " B"],
        log_weight: Float[np.ndarray, " S"] | None,
        generator: torch.Generator | None,
        device: torch.device,
    ) -> Int[Tensor, " B"]:
        """The next state of each: its probability times exp(log_weight), normalised; never one of weight zero."""
        uniforms = torch.rand(len(states), dtype=torch.float64, device=device, generator=generator).cpu().numpy()
        rows = states.cpu().numpy()
        widest = int(np.diff(self.offsets).max())
        pieces = np.array_split(np.arange(len(rows)), max(1, -(-len(rows) * widest // DRAW_ENTRIES)))
        chosen = [self._draw(rows[piece], uniforms[piece], log_weight) for piece in pieces]
        return torch.from_numpy(np.concatenate(chosen)).to(device)

    def _draw(
        self, rows: NDArray[np.int64], uniforms: NDArray[np.float64], log_weight: NDArray[np.float64] | None
    ) -> NDArray[np.int64]:
        first, degree = self.offsets[rows], np.diff(self.offsets)[rows]
        slot = np.arange(degree.max(initial=1))
        edge = np.minimum(first[:, None] + slot, len(self.prob) - 1)
        weight = np.where(slot < degree[:, None], self.prob[edge], 0.0)
        if log_weight is not None:
            tilt = log_weight[self.target[edge]]
            highest = np.where(weight > 0, tilt, -np.inf).max(1, keepdims=True)
            weight = weight * np.exp(np.minimum(tilt - highest, 0.0))
        cdf = weight.cumsum(1)
        # The smallest edge whose running sum exceeds uniform · total; rounding must not push it past the last one.
        pick = (cdf <= uniforms[:, None] * cdf[:, -1:]).sum(1)
        last = weight.shape[1] - 1 - (weight[:, ::-1] > 0).argmax(1)
        return self.target[first + np.minimum(pick, last)]
