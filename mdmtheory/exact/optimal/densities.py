"""Schedules from a density of steps on the revealed fraction."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from languages.checks import check_count

Curve = Callable[[NDArray[np.float64]], ArrayLike]
"""A non-negative function of the revealed fraction, on arrays of t in [0, 1]."""

FINE_INTERVALS = 1 << 14
"""Intervals of the grid that densities are integrated on."""


def density_reveal(density: Curve, steps: int, *, resolution: int = FINE_INTERVALS) -> NDArray[np.float64]:
    """Reveal probabilities whose nodes t_k are the k/N quantiles of a step density on the revealed fraction.

    With density √h' the path KL is (∫√h')²/(2N) to first order, the least possible (ledger `sqrt-rule`); with √g, g the
    conflict curve, the SER is (∫√g)²/N, likewise (ledger `conflict-law`).

    Args:
        density: Non-negative on [0, 1], up to a factor; segments of density zero get no node.
        steps: N ≥ 1.
        resolution: Intervals of the trapezoidal rule that integrates the density.

    Returns:
        (N,) probabilities that sum to one.

    Raises:
        ValueError: A density that is negative, infinite or zero everywhere.
    """
    steps = check_count("steps", steps)
    grid = fine_grid(check_count("resolution", resolution))
    values = curve_values("density", density, grid)
    if (values < 0).any():
        raise ValueError(f"density must be non-negative, got {values.min()} at t = {grid[values.argmin()]:.4g}")
    mass = np.concatenate([[0.0], np.cumsum(np.diff(grid) * (values[1:] + values[:-1]) / 2)])
    if mass[-1] <= 0:
        raise ValueError("density is zero everywhere: there is nothing to place steps by; use uniform reveals")
    nodes = np.interp(np.linspace(0.0, mass[-1], steps + 1), mass, grid)
    nodes[[0, -1]] = 0.0, 1.0
    return np.diff(nodes)


def curve_values(name: str, function: Curve, points: NDArray[np.float64]) -> NDArray[np.float64]:
    """The curve at points of [0, 1], one finite number each."""
    if not callable(function):
        raise ValueError(
            f"{name} must be a function of the revealed fraction, such as information_curve(language, length).mean, "
            f"got {function!r}"
        )
    values = np.asarray(function(points), dtype=np.float64)
    if values.shape != points.shape or not np.isfinite(values).all():
        raise ValueError(f"{name} must give one finite number for each t in [0, 1]")
    return values


def fine_grid(intervals: int) -> NDArray[np.float64]:
    """Points of [0, 1], dense at both ends, where curves of long sequences change fastest."""
    return np.sin(np.linspace(0.0, np.pi / 2, intervals + 1)) ** 2
