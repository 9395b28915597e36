"""Edges of a deterministic automaton, and what they count: sequences, their number's growth, their continuations."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph

LINEAR_FLOOR = 1e-250
"""Shares of the count below this make `log_counts` go on in logarithms, so that nothing underflows."""


@dataclasses.dataclass(frozen=True)
class EdgeList:
    """Edges sorted by (source, token); state 0 is the start, and all states accept.

    Attributes:
        source: (E,) state an edge leaves.
        token: (E,) its token, at most one edge for each token at a state.
        target: (E,) state it enters.
        num_states: S.
    """

    source: Int[np.ndarray, " E"]
    token: Int[np.ndarray, " E"]
    target: Int[np.ndarray, " E"]
    num_states: int

    @functools.cached_property
    def offsets(self) -> Int[np.ndarray, " S+1"]:
        """Edges of state s are offsets[s] … offsets[s + 1] − 1."""
        return np.searchsorted(self.source, np.arange(self.num_states + 1))

    @functools.cached_property
    def adjacency(self) -> sparse.csr_matrix:
        """(S, S) how many tokens lead from one state to another."""
        ones = np.ones(len(self.source))
        return sparse.csr_matrix((ones, (self.source, self.target)), shape=(self.num_states, self.num_states))

    def accepts(self, tokens: Int[np.ndarray, "B L"]) -> Bool[np.ndarray, " B"]:
        """Whether each sequence is the token string of a path from the start."""
        width = 1 + max(int(self.token.max()), int(tokens.max(initial=0)))
        codes = self.source * width + self.token
        states = np.zeros(len(tokens), dtype=np.int64)
        for column in tokens.T:
            code = states * width + column
            place = np.minimum(np.searchsorted(codes, code), len(codes) - 1)
            states = np.where((codes[place] == code) & (states >= 0), self.target[place], -1)
        return states >= 0

    def is_full(self, length: int, vocab_size: int) -> bool:
        """Whether every string of a length is the token string of a path from the start."""
        distance = csgraph.dijkstra(self.adjacency, indices=0, unweighted=True, limit=length - 1)
        return bool((np.diff(self.offsets)[np.isfinite(distance)] == vocab_size).all())

    def counts(self, length: int) -> list[int]:
        """Exact number of sequences of each length 1 … `length`."""
        order = np.argsort(self.target, kind="stable")
        entered, first = np.unique(self.target[order], return_index=True)
        source = self.source[order]
        paths = np.zeros(self.num_states, dtype=np.int64)
        paths[0] = 1
        # Sums of one step stay below 2⁶³ as long as E times the largest entry does; then Python's integers take over.
        ceiling = 2**62 // max(1, len(source))
        result = []
        for _ in range(length):
            if paths.dtype != object and int(paths.max()) > ceiling:
                paths = paths.astype(object)
            following = np.zeros_like(paths)
            following[entered] = np.add.reduceat(paths[source], first)
            paths = following
            result.append(int(paths.sum() if paths.dtype == object else sum(paths.tolist())))
        return result

    def log_counts(self, length: int) -> Float[np.ndarray, " L"]:
        """Natural log of the number of sequences of each length 1 … `length`; floating point, never underflowing."""
        step = self.adjacency.T.tocsr()
        share = np.zeros(self.num_states)
        share[0] = 1.0
        result, log_total = np.empty(length), 0.0
        for position in range(length):
            share = step @ share
            total = share.sum()
            log_total += math.log(total)
            share /= total
            result[position] = log_total
            if share[share > 0].min() < LINEAR_FLOOR:
                with np.errstate(divide="ignore"):
                    paths = log_total + np.log(share)
                order = np.argsort(self.target, kind="stable")
                entered, first = np.unique(self.target[order], return_index=True)
                for later in range(position + 1, length):
                    following = np.full(self.num_states, -math.inf)
                    following[entered] = _log_sums(paths[self.source[order]], first)
                    paths = following
                    result[later] = _log_sums(paths, np.zeros(1, dtype=np.int64))[0]
                break
        return result

    def log_continuations(self, length: int) -> Float[np.ndarray, "L+1 S"]:
        """Natural log of the number of ways to go on from each state for 0 … `length` tokens; −inf for none."""
        result = np.full((length + 1, self.num_states), -math.inf)
        result[0] = 0.0
        left, first = np.unique(self.source, return_index=True)
        ways, log_scale = np.ones(self.num_states), 0.0
        for rest in range(1, length + 1):
            ways = self.adjacency @ ways
            log_scale += math.log(ways.max())
            ways /= ways.max()
            if ways[left].min() < LINEAR_FLOOR:  # a state without edges has not been explored: nothing asks for it
                result[rest, left] = _log_sums(result[rest - 1, self.target], first)
            else:
                result[rest, left] = np.log(ways[left]) + log_scale
        return result


def perron_root(matrix: sparse.csr_matrix, *, tolerance: float = 1e-13) -> float:
    """Spectral radius of a non-negative irreducible matrix, between the bounds of Collatz and Wielandt.

    min (Ax)_i/x_i ≤ ρ ≤ max (Ax)_i/x_i for every positive x. Small matrices: Noda's iteration (1971), which solves
    with (max − A) and converges quadratically; large ones: powers of A + 1.

    Args:
        matrix: (S, S) sparse.
        tolerance: Relative width of the bounds at which to stop.

    Raises:
        ValueError: The bounds do not come together.
    """
    size = matrix.shape[0]
    vector = np.ones(size)
    low, high = _collatz_wielandt(matrix, vector)
    rounds = 100 if size <= NODA_LIMIT else 20_000
    for _ in range(rounds):
        if high - low <= tolerance * high:
            break
        if size <= NODA_LIMIT:
            following = np.abs(np.linalg.solve(high * np.eye(size) - matrix.toarray(), vector))
        else:
            following = vector + matrix @ vector
        following /= following.max()
        bounds = _collatz_wielandt(matrix, following) if following.min() > 0 else (low, high)
        if size <= NODA_LIMIT and bounds[1] - bounds[0] >= high - low:
            break  # rounding has been reached
        vector, low, high = following, max(low, bounds[0]), min(high, bounds[1])
    if high - low > 1e-9 * high:
        raise ValueError(f"the growth rate lies between {math.log(low)} and {math.log(high)}, and no closer is known")
    return math.sqrt(low * high)


NODA_LIMIT = 512
"""Largest matrix whose Perron root is found by solving linear equations."""


def _collatz_wielandt(matrix: sparse.csr_matrix, vector: NDArray[np.float64]) -> tuple[float, float]:
    ratio = (matrix @ vector) / vector
    return float(ratio.min()), float(ratio.max())


def _log_sums(values: NDArray[np.float64], first: NDArray[np.int64]) -> NDArray[np.float64]:
    """Log of the sum of exponentials of each run of values; runs begin at `first`."""
    top = np.maximum.reduceat(values, first)
    finite = np.where(np.isneginf(top), 0.0, top)
    shifted = values - np.repeat(finite, np.diff(np.append(first, len(values))))
    with np.errstate(divide="ignore"):
        return np.log(np.add.reduceat(np.exp(shifted), first)) + finite
