"""Stationary laws of sparse chains, periodic and reducible ones included."""

from __future__ import annotations

import warnings

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import MatrixRankWarning, spsolve

from languages.automata.structure import ClassStructure

ELIMINATION_LIMIT = 256
"""Chains up to this size are solved by elimination without subtraction, which no stiffness harms."""

ITERATIONS = 3000
"""Larger chains are stepped this often, which takes little memory; where that is too slow, LU serves."""

LEAST = float(np.nextafter(0.0, 1.0))
"""The least positive number of float64."""


def cesaro_limit(transition: sparse.csr_matrix, start: NDArray[np.float64]) -> NDArray[np.float64]:
    """Long-run average of the chain's law, lim 1/T Σ_t start·Pᵗ, which exists for every finite chain.

    The mass that each recurrent class absorbs is spread by that class's own stationary law.

    Args:
        transition: (S, S) row-stochastic, sparse.
        start: (S,) law at time zero.

    Returns:
        (S,) the limit; exact zeros on transient states, and on recurrent ones that are not reached.

    Raises:
        ValueError: A large chain so stiff that its equations are singular in floating point.
    """
    structure = ClassStructure(transition)
    absorbed = absorbed_law(transition, structure, start)
    limit = np.zeros_like(start)
    for members, closed in zip(structure.classes, structure.class_is_recurrent, strict=True):
        mass = absorbed[members].sum()
        if closed and mass > 0:
            # A recurrent state is possible however rare: less than the least number is no zero.
            limit[members] = np.maximum(mass * class_law(transition[members][:, members]), LEAST)
    return limit / limit.sum()


def absorbed_law(
    transition: sparse.csr_matrix, structure: ClassStructure, start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """(S,) where the chain first meets a recurrent state; its sum over a class is the chance of ending there."""
    transient = structure.transient
    absorbed = start.copy()
    if transient.any():
        # Expected visits to transient states, then one more step into the recurrent classes.
        absorbed[~transient] += _leave(transition[transient], transient, start[transient])
        absorbed[transient] = 0.0
    return absorbed


def _leave(
    transition: sparse.csr_matrix, transient: NDArray[np.bool_], start: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mass that enters each recurrent state as `start` leaves the transient ones; `transition` has only their rows."""
    inside, outside = transition[:, transient], transition[:, ~transient]
    # Large: steps cost no memory, and end early unless the chain is slow to leave; elimination is cubic.
    if len(start) > ELIMINATION_LIMIT:
        arrived, waiting = np.zeros(outside.shape[1]), start
        for _ in range(ITERATIONS):
            arrived, waiting = arrived + waiting @ outside, waiting @ inside
            if waiting.sum() <= 1e-17 * start.sum():
                return arrived
        return _solve(inside, outside, start) @ outside
    inner, outer, mass = inside.toarray(), outside.toarray(), start.copy()
    # Each state is taken out, its mass handed on to those that it leads to. Sums only: no digit is lost.
    for k in reversed(range(len(mass))):
        leaving = inner[k, :k].sum() + outer[k].sum()
        inner[k, :k] /= leaving
        outer[k] /= leaving
        for table, row in ((inner[:k, :k], inner[k, :k]), (outer[:k], outer[k])):
            table += np.outer(inner[:k, k], row)
        mass[:k] += mass[k] * inner[k, :k]
    return mass @ outer


def class_law(transition: sparse.csr_matrix) -> NDArray[np.float64]:
    """Stationary law of an irreducible chain (small: Grassmann, Taksar and Heyman 1985)."""
    size = transition.shape[0]
    if size > ELIMINATION_LIMIT:
        stepped = _stepped_law(transition)
        if stepped is not None:
            return stepped
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


def _stepped_law(transition: sparse.csr_matrix) -> NDArray[np.float64] | None:
    """The law of an irreducible chain by stepping it, None if it forgets its start too slowly."""
    law = np.random.default_rng(0).random(transition.shape[0])
    law /= law.sum()
    before = np.inf
    for _ in range(ITERATIONS // 50):
        for _ in range(50):
            previous, law = law, (law + law @ transition) / 2  # half a step: no period then
        change = float(np.abs(law - previous).sum())
        # Too slow to be worth the steps, or so stiff that rounding hides its moves.
        if change >= 0.9 * before or (change == 0 and before == np.inf):
            return None
        # What is still to come is the geometric series of the changes.
        rate = (change / before) ** (1 / 50)
        if before < np.inf and change * rate / (1 - rate) < 1e-14:
            return law / law.sum()
        before = change
    return None


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
