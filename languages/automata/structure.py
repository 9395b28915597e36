"""Class structure of a chain: who reaches whom, and how long a return takes."""

from __future__ import annotations

import functools

import numpy as np
from jaxtyping import Bool, Int
from scipy import sparse
from scipy.sparse import csgraph

EXPONENT_LIMIT = 2048
"""Largest class whose exponent is found, by powers of a dense matrix."""


class ClassStructure:
    """Communicating classes of a directed graph, in the terms of Markov chains.

    Two states communicate if each reaches the other. A class that nothing leaves is recurrent, the others are
    transient: a finite chain leaves them for good.

    Args:
        graph: (S, S) sparse; entries that are stored and positive are edges. Every state has at least one.

    Attributes:
        num_states: S.
        class_of: (S,) number of the class of each state; classes are numbered by their smallest state.
    """

    def __init__(self, graph: sparse.csr_matrix) -> None:
        self.num_states = graph.shape[0]
        self._source, self._target = graph.nonzero()
        _, label = csgraph.connected_components(graph, directed=True, connection="strong")
        _, first, renumbered = np.unique(label, return_index=True, return_inverse=True)
        rank = np.empty(len(first), dtype=np.int64)
        rank[np.argsort(first)] = np.arange(len(first))
        self.class_of: Int[np.ndarray, " S"] = rank[renumbered]

    @property
    def num_classes(self) -> int:
        """Number of communicating classes."""
        return int(self.class_of.max()) + 1

    @functools.cached_property
    def classes(self) -> list[Int[np.ndarray, " M"]]:
        """The states of each class, ascending."""
        order = np.argsort(self.class_of, kind="stable")
        return np.split(order, np.flatnonzero(np.diff(self.class_of[order])) + 1)

    @functools.cached_property
    def class_is_recurrent(self) -> Bool[np.ndarray, " C"]:
        """Whether nothing leaves each class."""
        closed = np.ones(self.num_classes, dtype=bool)
        leaving = self.class_of[self._source] != self.class_of[self._target]
        closed[self.class_of[self._source[leaving]]] = False
        return closed

    @property
    def recurrent(self) -> Bool[np.ndarray, " S"]:
        """Whether the chain comes back to each state for ever."""
        return self.class_is_recurrent[self.class_of]

    @property
    def transient(self) -> Bool[np.ndarray, " S"]:
        """Whether the chain leaves each state for good."""
        return ~self.recurrent

    @functools.cached_property
    def _distance(self) -> Int[np.ndarray, " S"]:
        """Fewest steps from the smallest state of one's class, inside the class."""
        inside = self.class_of[self._source] == self.class_of[self._target]
        edges = np.ones(inside.sum()), (self._source[inside], self._target[inside])
        graph = sparse.csr_matrix(edges, shape=(self.num_states, self.num_states))
        roots = [members[0] for members in self.classes]
        return csgraph.dijkstra(graph, indices=roots, unweighted=True, min_only=True).astype(np.int64)

    @functools.cached_property
    def periods(self) -> Int[np.ndarray, " C"]:
        """Period of each class, the greatest common divisor of its cycles' lengths; 0 for one without a cycle."""
        inside = self.class_of[self._source] == self.class_of[self._target]
        source, target = self._source[inside], self._target[inside]
        result = np.zeros(self.num_classes, dtype=np.int64)
        np.gcd.at(result, self.class_of[source], np.abs(self._distance[source] + 1 - self._distance[target]))
        return result

    @property
    def phase(self) -> Int[np.ndarray, " S"]:
        """Cyclic class of each state within its class, 0 … period − 1: every step goes on to the next phase."""
        return self._distance % np.maximum(1, self.periods[self.class_of])

    @property
    def is_irreducible(self) -> bool:
        """Whether all states communicate."""
        return self.num_classes == 1

    @property
    def is_aperiodic(self) -> bool:
        """Whether every recurrent class has period one."""
        return bool((self.periods[self.class_is_recurrent] == 1).all())

    @property
    def is_primitive(self) -> bool:
        """Whether, after enough steps, every state may follow every state: irreducible and aperiodic."""
        return self.is_irreducible and self.is_aperiodic

    def colours(self) -> tuple[Int[np.ndarray, " S"], Int[np.ndarray, " S"]]:
        """Number of the recurrent class of each state (−1 if transient), and the period of its class, for drawings."""
        number = np.where(self.class_is_recurrent, np.cumsum(self.class_is_recurrent) - 1, -1)
        return number[self.class_of], self.periods[self.class_of]

    def primitive_exponent(self) -> int:
        """The fewest steps after which every state may follow every state; at most (S − 1)² + 1 (Wielandt 1950).

        Raises:
            ValueError: No number of steps suffices (reducible or periodic), or more than `EXPONENT_LIMIT` states.
        """
        if not self.is_irreducible:
            raise ValueError(f"there is no exponent: the chain is reducible, it has {self.num_classes} classes")
        if not self.is_aperiodic:
            raise ValueError(f"there is no exponent: the chain has period {self.periods[0]}")
        if self.num_states > EXPONENT_LIMIT:
            raise ValueError(f"the exponent is computed up to {EXPONENT_LIMIT} states, the chain has {self.num_states}")
        step = np.zeros((self.num_states, self.num_states), dtype=np.float32)
        step[self._source, self._target] = 1
        # Once positive, powers stay positive: double until they are, then go back by halves.
        powers = [step]
        while not powers[-1].all():
            powers.append((powers[-1] @ powers[-1] > 0).astype(np.float32))
        reached, exponent = np.eye(self.num_states, dtype=np.float32), 0
        for doublings in reversed(range(len(powers) - 1)):
            further = (reached @ powers[doublings] > 0).astype(np.float32)
            if not further.all():
                reached, exponent = further, exponent + 2**doublings
        return exponent + 1
