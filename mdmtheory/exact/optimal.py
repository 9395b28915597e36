"""Best schedules for the path law: how to spend N steps, given the information curve of a language.

Legend: Z_j the information curve by the number of revealed tokens, h(t) the same by revealed fraction
(languages.information); N_k = s_1 + … + s_k tokens, or the fraction t_k = w_1 + … + w_k, revealed after step k. Both
kinds of path KL are what a lower Riemann sum leaves out of a non-decreasing curve,

    fixed sizes:  TC − Σ_k s_k Z_{N_{k−1}+1}        (Chen, Cong, Li 2511.04647)
    Bernoulli:    TC − Σ_k w_k h(t_{k−1})           (Wainwright 2608.13520)

so the best nodes are those of the best staircase below the curve: a dynamic programme whose step is the upper envelope
of lines, hence linear in the number of candidates.
"""

from __future__ import annotations

from collections.abc import Callable

import numba
import numpy as np
from numpy.typing import ArrayLike, NDArray

from languages.checks import check_count

Curve = Callable[[NDArray[np.float64]], ArrayLike]
"""A non-negative function of the revealed fraction, on arrays of t in [0, 1]."""

FEWEST_CANDIDATES = 1024
"""Candidate nodes of the first, global search for a Bernoulli grid; eight a step come on top."""
FINE_INTERVALS = 1 << 14
"""Intervals of the grid that densities are integrated on."""
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
    nodes = _best_nodes(np.arange(len(curve) + 1.0), curve, min(check_count("steps", steps), len(curve)))
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
    fine = _fine_grid(FINE_INTERVALS)
    values = _values("h", h, fine)
    _check_rising("h", values)
    # Half of the candidates lie where the square-root rule puts steps, half are equally far apart.
    mass = np.cumsum(np.sqrt(np.maximum(np.diff(values), 0.0) * np.diff(fine)))
    mass = fine if mass[-1] == 0 else (fine + np.concatenate([[0.0], mass / mass[-1]])) / 2
    grid = np.interp(np.linspace(0.0, 1.0, FEWEST_CANDIDATES + 8 * steps + 1), mass, fine)
    nodes = grid[_best_nodes(grid, _values("h", h, grid)[:-1], steps)]
    scale = 0.5
    while scale > FINEST:
        candidates = _candidates(nodes, scale)
        moved = _best_of(candidates, _values("h", h, candidates.reshape(-1)).reshape(candidates.shape))
        # Nodes that move one after the other may have far to go: a finer search begins when few want to.
        if np.count_nonzero(moved != nodes) * SETTLED <= steps:
            scale /= 4
        nodes = moved
    return np.diff(nodes)


def density_reveal(density: Curve, steps: int, *, resolution: int = FINE_INTERVALS) -> NDArray[np.float64]:
    """Reveal probabilities whose nodes t_k are the k/N quantiles of a step density on the revealed fraction.

    With density √h' the path KL is (∫√h')²/(2N) to first order, the least possible (ledger `sqrt-rule`); with √g, g the
    conflict curve, the SER is (∫√g)²/N, likewise (ledger `conflict-law`).

    Args:
        density: Non-negative on [0, 1], up to a factor; zero stretches get no node.
        steps: N ≥ 1.
        resolution: Intervals of the trapezoidal rule that integrates the density.

    Returns:
        (N,) probabilities that sum to one.

    Raises:
        ValueError: A density that is negative, infinite or zero everywhere.
    """
    steps = check_count("steps", steps)
    grid = _fine_grid(check_count("resolution", resolution))
    values = _values("density", density, grid)
    if (values < 0).any():
        raise ValueError(f"density must be non-negative, got {values.min()} at t = {grid[values.argmin()]:.4g}")
    mass = np.concatenate([[0.0], np.cumsum(np.diff(grid) * (values[1:] + values[:-1]) / 2)])
    if mass[-1] <= 0:
        raise ValueError("density is zero everywhere: there is nothing to place steps by; use uniform reveals")
    nodes = np.interp(np.linspace(0.0, mass[-1], steps + 1), mass, grid)
    nodes[[0, -1]] = 0.0, 1.0
    return np.diff(nodes)


def _values(name: str, function: Curve, points: NDArray[np.float64]) -> NDArray[np.float64]:
    values = np.asarray(function(points), dtype=np.float64)
    if values.shape != points.shape or not np.isfinite(values).all():
        raise ValueError(f"{name} must give one finite number for each t in [0, 1]")
    return values


def _check_rising(name: str, values: NDArray[np.float64]) -> None:
    """Refuse a curve that falls by more than rounding; the information of more tokens is never less."""
    falls = np.diff(values)
    if (falls < -1e-9 * max(1.0, np.abs(values).max())).any():
        raise ValueError(
            f"{name} must not decrease, but falls by {-falls.min():.3g} at index {falls.argmin()}: an estimated curve "
            "has to be smoothed first, for example by numpy.maximum.accumulate"
        )


def _fine_grid(intervals: int) -> NDArray[np.float64]:
    """Points of [0, 1], dense at both ends, where curves of long sequences change fastest."""
    return np.sin(np.linspace(0.0, np.pi / 2, intervals + 1)) ** 2


def _candidates(nodes: NDArray[np.float64], scale: float) -> NDArray[np.float64]:
    """(N + 1, 9) places for each node, within `scale` of the shorter step beside it; the ends stay."""
    steps = np.diff(nodes)
    room = np.zeros_like(nodes)
    # A step of length zero could never grow again.
    room[1:-1] = np.maximum(np.minimum(steps[1:], steps[:-1]), np.finfo(np.float64).eps)
    return np.clip(nodes[:, None] + scale * room[:, None] * np.arange(-4, 5) / 4, 0.0, 1.0)


@numba.njit(cache=True)
def _best_of(candidates: NDArray[np.float64], values: NDArray[np.float64]) -> NDArray[np.float64]:
    """The increasing nodes, one of each row, with the largest staircase; `values` is the curve at the candidates."""
    rows, count = candidates.shape
    area = np.zeros(count)
    came_from = np.zeros((rows, count), dtype=np.int64)
    for row in range(1, rows):
        best = np.full(count, -np.inf)
        for j in range(count):
            for i in range(count):
                width = candidates[row, j] - candidates[row - 1, i]
                total = area[i] + width * values[row - 1, i]
                if width >= 0 and total > best[j]:
                    best[j], came_from[row, j] = total, i
        area = best
    # The middle candidate is the node as it was: it stays unless another is better.
    place = count // 2 if area[count // 2] == area.max() else area.argmax()
    nodes = np.empty(rows)
    for row in range(rows - 1, -1, -1):
        nodes[row] = candidates[row, place]
        place = came_from[row, place]
    return nodes


@numba.njit(cache=True)
def _best_nodes(x: NDArray[np.float64], curve: NDArray[np.float64], steps: int) -> NDArray[np.int64]:
    """Indices 0 = n_0 < … < n_N = M of the staircase of N steps with the largest area below a rising curve.

    Args:
        x: (M + 1,) increasing places.
        curve: (M,) height of a step that starts at x_0, …, x_{M−1}.
        steps: N ≤ M.
    """
    last = len(x) - 1
    area = np.full(last + 1, -np.inf)
    area[0] = 0.0
    came_from = np.zeros((steps + 1, last + 1), dtype=np.int32)
    hull = np.empty(last + 1, dtype=np.int64)
    for step in range(1, steps + 1):
        # Steps that start at a are lines in the place b where they end; slopes and queries both increase.
        intercept = area[:-1] - x[:-1] * curve
        following = np.full(last + 1, -np.inf)
        front, size = 0, 0
        for b in range(step, last + 1):
            a = b - 1
            while size - front >= 2:
                p, q = hull[size - 2], hull[size - 1]
                # The middle line is useless if the new one overtakes it before it overtakes the one below.
                if (intercept[a] - intercept[q]) * (curve[q] - curve[p]) < (intercept[q] - intercept[p]) * (
                    curve[a] - curve[q]
                ):
                    break
                size -= 1
            if size - front == 1 and curve[a] <= curve[hull[front]] and intercept[a] > intercept[hull[front]]:
                size -= 1
            hull[size] = a
            size += 1
            while size - front >= 2:
                p, q = hull[front], hull[front + 1]
                if intercept[q] + curve[q] * x[b] < intercept[p] + curve[p] * x[b]:
                    break
                front += 1
            following[b] = intercept[hull[front]] + curve[hull[front]] * x[b]
            came_from[step, b] = hull[front]
        area = following
    nodes = np.empty(steps + 1, dtype=np.int64)
    nodes[steps] = last
    for step in range(steps, 0, -1):
        nodes[step - 1] = came_from[step, nodes[step]]
    return nodes
