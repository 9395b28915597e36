"""Stationary laws of sparse chains, periodic and reducible ones included."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from scipy.sparse.linalg import MatrixRankWarning, spsolve

ELIMINATION_LIMIT = 256
"""Chains up to this size are solved by elimination without subtraction, which no stiffness harms; larger ones by LU."""


def cesaro_limit(transition: sparse.csr_matrix, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Long-run average of the chain's law, lim 1/T Σ_t start·Pᵗ, which exists for every finite chain.

    The mass that each recurrent class absorbs is spread by that class's own stationary law.

    Args:
        transition: (S, S) row-stochastic, sparse.
        start: (S,) law at time zero.

    Returns:
        (S,) the limit; exact zeros on transient states.

    Raises:
        ValueError: A large chain so stiff that its equations are singular in floating point.
    """
    count, label = csgraph.connected_components(transition, directed=True, connection="strong")
    source, target = transition.nonzero()
    leaves = np.zeros(count, dtype=bool)
    leaves[label[source[label[source] != label[target]]]] = True
    transient = leaves[label]
    absorbed = start.copy()
    if transient.any():
        # Expected visits to transient states, then one more step into the recurrent classes.
        absorbed[~transient] += _leave(transition[transient], transient, start[transient])
        absorbed[transient] = 0.0
    limit = np.zeros_like(start)
    for component in np.flatnonzero(~leaves):
        members = np.flatnonzero(label == component)
        limit[members] = absorbed[members].sum() * _class_law(transition[members][:, members])
    return limit / limit.sum()


def _leave(
    transition: sparse.csr_matrix, transient: NDArray[np.bool_], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mass that enters each recurrent state as `start` leaves the transient ones; `transition` has only their rows."""
    inside, outside = transition[:, transient], transition[:, ~transient]
    if len(start) > ELIMINATION_LIMIT:
        return _solve(inside, outside, start) @ outside
    inner, outer, mass = inside.toarray(), outside.toarray(), start.copy()
    for k in reversed(range(len(mass))):
        leaving = inner[k, :k].sum() + outer[k].sum()
        inner[k, :k] /= leaving
        outer[k] /= leaving
        for table, row in ((inner[:k, :k], inner[k, :k]), (outer[:k], outer[k])):
            table += np.outer(inner[:k, k], row)
        mass[:k] += mass[k] * inner[k, :k]
    return mass @ outer


def _class_law(transition: sparse.csr_matrix) -> NDArray[np.float64]:
    """Stationary law of an irreducible chain (small: Grassmann, Taksar and Heyman 1985)."""
    size = transition.shape[0]
    if size > ELIMINATION_LIMIT:
        # The law is proportional to the expected visits to the other states between two visits to the last one.
        others = slice(None, size - 1)
        visits = _solve(transition[others, others], transition[others, -1:], transition[-1].toarray()[0, :-1])
        law = np.append(visits, 1.0) @ transition  # one step of the chain removes the solver's rounding
        return law / law.sum()
    table, law = transition.toarray(), np.ones(size)
    for k in range(size - 1, 0, -1):
        table[:k, k] /= table[k, :k].sum()
        table[:k, :k] += np.outer(table[:k, k], table[k, :k])
    for k in range(1, size):
        law[k] = law[:k] @ table[:k, k]
    return law / law.sum()


def _solve(inside: sparse.csr_matrix, outside: sparse.csr_matrix, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Expected visits to each state before the chain leaves for `outside`: v (I − inside) = start."""
    # 1 − P(s, s) as the sum of what leaves s: the subtraction would lose small probabilities.
    moving = inside - sparse.diags(inside.diagonal())
    leaving = np.asarray(moving.sum(1) + outside.sum(1)).ravel()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", MatrixRankWarning)
        visits = spsolve((sparse.diags(leaving) - moving).T.tocsc(), start)
    if not np.isfinite(visits).all():
        raise ValueError("transition: too stiff a chain for its stationary law to be computed; give `initial`")
    return np.maximum(visits, 0.0)
