"""Revealed fractions at which to sample a curve: nodes that resolve both ends, and interpolation between them.

A curve of a language of length L is a polynomial in t of degree below L, and may change within 1/L of either end: slow
chains near 0, codes near 1. With c = 1/(2L) the map

    t(w) = ((1 + c) eʷ − c) / (1 + eʷ),   |w| ≤ W = log((1 + c)/c),

is logarithmic in t and in 1 − t down to c and linear below it, so that curves are smooth in w on one scale. Nodes are
Chebyshev–Lobatto points in w; 0 and 1 are among them.
"""

from __future__ import annotations

import numpy as np
from jaxtyping import Float
from numpy.typing import NDArray


def transformed(x: NDArray[np.float64], length: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Revealed fractions t at x ∈ [−1, 1], with w = W·x, and their slope dt/dx."""
    c = 0.5 / length
    half = np.log1p(1 / c)
    share = 1 / (1 + np.exp(-half * x))
    return np.clip((1 + 2 * c) * share - c, 0.0, 1.0), (1 + 2 * c) * half * share * (1 - share)


def inverse(t: NDArray[np.float64], length: int) -> NDArray[np.float64]:
    """Points x ∈ [−1, 1] of revealed fractions t."""
    c = 0.5 / length
    return np.clip(np.log((t + c) / (1 + c - t)) / np.log1p(1 / c), -1.0, 1.0)


def lobatto(count: int, length: int) -> tuple[Float[np.ndarray, " M"], Float[np.ndarray, " M"]]:
    """(M,) nodes x = −1 … 1 and (M,) their revealed fractions 0 … 1, exact at the ends."""
    x = -np.cos(np.pi * np.arange(count) / (count - 1))
    t = transformed(x, length)[0]
    t[0], t[-1] = 0.0, 1.0
    return x, t


def basis(x: Float[np.ndarray, " M"], at: Float[np.ndarray, " T"]) -> Float[np.ndarray, "T M"]:
    """Lagrange basis of Chebyshev–Lobatto nodes x at other points, by the barycentric formula."""
    weights = (-1.0) ** np.arange(len(x))
    weights[[0, -1]] *= 0.5
    gap = at[:, None] - x
    hit = gap == 0
    terms = weights / np.where(hit, 1.0, gap)
    table = terms / terms.sum(1, keepdims=True)
    return np.where(hit.any(1, keepdims=True), hit.astype(np.float64), table)


def integrals(x: Float[np.ndarray, " M"], length: int) -> Float[np.ndarray, " M"]:
    """(M,) integrals over t ∈ [0, 1] of the Lagrange basis in x."""
    points, weights = np.polynomial.legendre.leggauss(len(x) + 64)
    return (weights * transformed(points, length)[1]) @ basis(x, points)
