"""Stationary laws of sparse chains, periodic and reducible ones included."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import spsolve


def cesaro_limit(transition: sparse.csr_matrix, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Long-run average of the chain's law, lim 1/T Σ_t start·Pᵗ, which exists for every finite chain.

    The mass that each recurrent class absorbs is spread by that class's own stationary law.

    Args:
        transition: (S, S) row-stochastic, sparse.
        start: (S,) law at time zero.

    Returns:
        (S,) the limit; exact zeros on transient states.
    """
    count, label = csgraph.connected_components(transition, directed=True, connection="strong")
    source, target = transition.nonzero()
    leaves = np.zeros(count, dtype=bool)
    leaves[label[source[label[source] != label[target]]]] = True
    transient = leaves[label]
    absorbed = start.copy()
    if transient.any():
        # Expected visits to transient states, then one more step into the recurrent classes.
        inside = transition[transient][:, transient]
        identity = sparse.identity(inside.shape[0], format="csr")
        visits = np.atleast_1d(spsolve((identity - inside).T.tocsc(), start[transient]))
        absorbed[~transient] += visits @ transition[transient][:, ~transient]
        absorbed[transient] = 0.0
    limit = np.zeros_like(start)
    for component in np.flatnonzero(~leaves):
        members = np.flatnonzero(label == component)
        limit[members] = absorbed[members].sum() * _class_law(transition[members][:, members])
    return limit / limit.sum()


def _class_law(transition: sparse.csr_matrix) -> NDArray[np.float64]:
    """Stationary law of an irreducible chain: π(I − P) = 0 with the last equation replaced by Σπ = 1."""
    size = transition.shape[0]
    if size == 1:
        return np.ones(1)
    system = (sparse.identity(size, format="csr") - transition).T.tolil()
    system[-1, :] = 1.0
    right = np.zeros(size)
    right[-1] = 1.0
    law = np.maximum(spsolve(system.tocsc(), right), 0.0)
    law = law @ transition  # one step of the chain removes the solver's rounding on the positive side
    return law / law.sum()
