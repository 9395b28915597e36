"""Best schedules for the path law: how to spend N steps, given the information curve of a language.

Legend: Z_j the information curve by the number of revealed tokens, h(t) the same by revealed fraction
(languages.information); N_k = s_1 + … + s_k tokens, or the fraction t_k = w_1 + … + w_k, revealed after step k. Both
kinds of path KL are what a lower Riemann sum leaves out of a non-decreasing curve,

    fixed sizes:  TC − Σ_k s_k Z_{N_{k−1}+1}        (Chen, Cong, Li 2511.04647)
    Bernoulli:    TC − Σ_k w_k h(t_{k−1})           (Wainwright 2608.13520)

so the best nodes are those of the best staircase below the curve (`mdmtheory.exact.optimal.staircases`).
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from languages.checks import check_count
from mdmtheory.exact.optimal.densities import FINE_INTERVALS, Curve, curve_values, fine_grid
from mdmtheory.exact.optimal.staircases import best_nodes, best_of

FEWEST_CANDIDATES = 1024
"""Candidate nodes of the first, global search for a Bernoulli grid; eight a step come on top."""
FINEST = 1e-8
"""The local search stops when candidates are this close, relative to the steps (the loss is the square of that)."""
SETTLED = 50
"""It becomes finer when fewer than one node in so many has moved."""


def best_sizes(z: ArrayLike, steps: int) -> list[int]:
    """Sizes s_1, …, s_N of the fixed-size schedule of least path KL, all positive.

    Args:
        z: (L,) information curve Z_1 ≤ … ≤ Z_L in any unit.
        steps: N ≥ 1; beyond L there is nothing to reveal, and L steps of one token are returned.

    Raises:
        ValueError: A curve that decreases, or is not finite.
    """
    curve = np.asarray(z, dtype=np.float64)
    if curve.ndim != 1 or not len(curve) or not np.isfinite(curve).all():
        raise ValueError(f"z must be a finite curve of shape (L,), got shape {curve.shape}")
    _check_rising("z", curve)
    nodes = best_nodes(np.arange(len(curve) + 1.0), curve, min(check_count("steps", steps), len(curve)))
    return [int(size) for size in np.diff(nodes)]


def fixed_size_path_kl(z: ArrayLike, sizes: ArrayLike) -> float:
    """Exact path KL of a fixed-size schedule, Σ_k Σ_{j≤s_k} (Z_{N_{k−1}+j} − Z_{N_{k−1}+1}), in the unit of Z.

    Chen, Cong, Li 2511.04647 (ledger `ccl-exact`).

    Args:
        z: (L,) information curve.
        sizes: (N,) tokens revealed at each step, zeros allowed, L in all.

    Raises:
        ValueError: Sizes that do not sum to L.
    """
    curve, counts = np.asarray(z, dtype=np.float64), np.asarray(sizes, dtype=np.int64)
    if counts.ndim != 1 or (counts < 0).any() or counts.sum() != len(curve):
        raise ValueError(f"sizes must be non-negative and sum to L = {len(curve)}, got {counts.tolist()}")
    before = np.cumsum(counts) - counts
    return float(np.sum(curve - np.repeat(curve[np.minimum(before, len(curve) - 1)], counts)))


def best_reveal(h: Curve, steps: int) -> NDArray[np.float64]:
    """Reveal probabilities w_1, …, w_N of the Bernoulli schedule of least path KL.

    A global search on a grid of candidates, then a local one around its nodes, until they are known to 1e−8 of a step.

    Args:
        h: Information curve by revealed fraction, non-decreasing on [0, 1].
        steps: N ≥ 1.

    Returns:
        (N,) probabilities that sum to one.

    Raises:
        ValueError: A curve that decreases.
    """
    steps = check_count("steps", steps)
    fine = fine_grid(FINE_INTERVALS)
    values = curve_values("h", h, fine)
    _check_rising("h", values)
    # Half of the candidates lie where the square-root rule puts steps, half are equally far apart.
    mass = np.cumsum(np.sqrt(np.maximum(np.diff(values), 0.0) * np.diff(fine)))
    mass = fine if mass[-1] == 0 else (fine + np.concatenate([[0.0], mass / mass[-1]])) / 2
    grid = np.interp(np.linspace(0.0, 1.0, FEWEST_CANDIDATES + 8 * steps + 1), mass, fine)
    nodes = grid[best_nodes(grid, curve_values("h", h, grid)[:-1], steps)]
    scale = 0.5
    while scale > FINEST:
        candidates = _candidates(nodes, scale)
        moved = best_of(candidates, curve_values("h", h, candidates.reshape(-1)).reshape(candidates.shape))
        # Nodes that move one after the other may have far to go: a finer search begins when few want to.
        if np.count_nonzero(moved != nodes) * SETTLED <= steps:
            scale /= 4
        nodes = moved
    return np.diff(nodes)


def _check_rising(name: str, values: NDArray[np.float64]) -> None:
    """Refuse a curve that falls by more than rounding; the information of more tokens is never less."""
    falls = np.diff(values)
    if (falls < -1e-9 * max(1.0, np.abs(values).max())).any():
        raise ValueError(
            f"{name} must not decrease, but falls by {-falls.min():.3g} at index {falls.argmin()}: an estimated curve "
            "has to be smoothed first, for example by numpy.maximum.accumulate"
        )


def _candidates(nodes: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """(N + 1, 9) places for each node, within `scale` of the shorter step beside it; the ends stay."""
    steps = np.diff(nodes)
    room = np.zeros_like(nodes)
    # A step of length zero could never grow again.
    room[1:-1] = np.maximum(np.minimum(steps[1:], steps[:-1]), np.finfo(np.float64).eps)
    return np.clip(nodes[:, None] + scale * room[:, None] * np.arange(-4, 5) / 4, 0.0, 1.0)
