"""How fast a chain forgets where it started: eigenvalues, and total variation from exact powers."""

from __future__ import annotations

import math

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import ArpackNoConvergence, eigs

DENSE_EIGENVALUES = 512
"""Classes up to this size have all their eigenvalues computed; larger ones the largest two, by Arnoldi's method."""

POWER_LIMIT = 1024
"""Largest chain whose powers are computed as dense matrices."""

MOST_DOUBLINGS = 52


def second_modulus(transition: sparse.csr_matrix) -> float:
    """Second largest eigenvalue modulus of an irreducible aperiodic chain.

    Where that eigenvalue is defective of index k, rounding is raised to the power 1/k: an n-gram with independent
    tokens has the eigenvalue 0 and may give 10⁻⁵.

    Raises:
        ValueError: Arnoldi's method does not converge.
    """
    size = transition.shape[0]
    if size == 1:
        return 0.0
    if size <= DENSE_EIGENVALUES:
        values = np.linalg.eigvals(transition.toarray())
    else:
        start = np.random.default_rng(0).random(size)
        try:
            values = eigs(transition.astype(np.float64), k=2, which="LM", v0=start, return_eigenvectors=False)
        except ArpackNoConvergence as error:
            raise ValueError(f"the eigenvalues of a chain of {size} states do not converge: {error}") from None
    values = np.delete(values, np.argmin(np.abs(values - 1)))
    return float(min(1.0, np.abs(values).max()))


def steps_to_mix(
    transition: sparse.csr_matrix, starts: Float[np.ndarray, "R S"], law: Float[np.ndarray, " S"], epsilon: float
) -> float:
    """Fewest steps after which the law from every start is within `epsilon` of a stationary one, in total variation.

    The distance never grows, so powers are doubled until it is small and the number of steps found by halves.

    Args:
        transition: (S, S) row-stochastic.
        starts: (R, S) laws at time zero; the worst one counts.
        law: (S,) a stationary law.
        epsilon: Total variation, half the sum of absolute differences.

    Returns:
        A whole number, or infinity if 2⁵² steps do not suffice.

    Raises:
        ValueError: More than `POWER_LIMIT` states.
    """
    if len(law) > POWER_LIMIT:
        raise ValueError(f"powers are computed up to {POWER_LIMIT} states, this chain has {len(law)}")

    def far(laws: NDArray[np.float64]) -> bool:
        return bool((np.abs(laws - law).sum(1) / 2).max() > epsilon)

    if not far(starts):
        return 0
    powers = [transition.toarray()]
    while far(starts @ powers[-1]):
        if len(powers) > MOST_DOUBLINGS:
            return math.inf
        square = powers[-1] @ powers[-1]
        powers.append(square / square.sum(1, keepdims=True))
    laws, steps = starts, 0
    for doublings in reversed(range(len(powers) - 1)):
        further = laws @ powers[doublings]
        if far(further):
            laws, steps = further, steps + 2**doublings
    return steps + 1
