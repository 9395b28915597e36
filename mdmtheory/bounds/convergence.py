"""Orders and limits, read off exact numbers at N, 2N, 4N … steps."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence

from languages.estimate import Estimate

ORDER_TOLERANCE = 0.2
"""How far a measured order of convergence may fall short of the claimed one."""
LIMIT_TOLERANCE = 1e-3
"""How far a limit extrapolated from N, 2N and 4N steps may be off: its own error is O(1/N³)."""


def limiting(value: float, *, unit: str, law: str = "") -> Estimate:
    """A limit or an order read off exact numbers at N, 2N, 4N …; no interval, so that it cannot excuse a claim."""
    return Estimate(float(value), float(value), float(value), "extrapolated", law, unit)


def measured_order(errors: Sequence[float], *, rounding: float = 0.0) -> float:
    """Order of convergence from signed errors at N, 2N, 4N …: the steepest fall between any two of them.

    An order seen nowhere refutes a claim; one error that crosses zero by chance does not. Infinite where the last
    error is zero, or so small that it is `rounding`.
    """
    sizes = [abs(error) for error in errors]
    if sizes[-1] <= rounding:
        return math.inf
    return max(
        math.log2(sizes[early] / sizes[late]) / (late - early) if sizes[early] and sizes[late] else -math.inf
        for late in range(1, len(sizes))
        for early in range(late)
    )


def extrapolated(values: Sequence[float]) -> float:
    """Limit of c₀ + c₁/N + c₂/N² + … from its values at N, 2N, 4N … (Richardson)."""
    row = list(values)
    for order in range(1, len(values)):
        row = [(2**order * later - earlier) / (2**order - 1) for earlier, later in itertools.pairwise(row)]
    return row[0]
