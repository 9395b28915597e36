"""The search for a number of steps: few evaluations, because errors fall as a power of N, mostly as 1/N."""

from __future__ import annotations

import math
from collections.abc import Callable

FARTHEST = 4
"""A target is given up when the trend puts it this many times beyond the most steps."""
TREND = 16
"""Number of steps from which on the trend is trusted for that."""


def fewest_steps(cost: Callable[[int], float], target: float, most: int) -> int | None:
    """A number of steps N that meets a target while N − 1 misses it.

    Args:
        cost: What N steps cost, nats: positive and falling about as a power of N. It is asked for few N, each more
            than once.
        target: The largest cost allowed.
        most: The search ends there.

    Returns:
        N, or None where `most` steps miss the target, or would by far if the last fall went on.
    """
    missed, met = 0, 1
    while cost(met) > target:
        here, power = cost(met), 1.0
        if missed and math.isfinite(here) and cost(missed) > here:
            power = max(1.0, math.log(cost(missed) / here) / math.log(met / missed))
        aim = forecast(met, here, target, power)
        if met == most or (met >= TREND and math.isfinite(here) and aim > FARTHEST * most):
            return None
        missed = met
        # A cost of few steps says little of many: grow at most 16-fold at once.
        met = min(most, 2 * met if not math.isfinite(aim) else max(met + 1, min(math.ceil(1.02 * aim), 16 * met)))
    turn = 0
    while met - missed > 1:
        turn += 1
        middle = (missed + met) // 2
        if missed and turn % 3:  # two of three turns follow the power law through both ends, the third halves
            middle = _between(missed, cost(missed), met, cost(met), target)
        if cost(middle) > target:
            missed = middle
        else:
            met = middle
    return met


def forecast(steps: int, cost: float, target: float, power: float = 1.0) -> float:
    """Steps at which the target would be met if the cost went on as N^−power; infinite for a target of zero."""
    return math.inf if target == 0 or not math.isfinite(cost) else steps * (cost / target) ** (1 / power)


def _between(low: int, low_cost: float, high: int, high_cost: float, target: float) -> int:
    """Where a power law through two points meets the target, strictly between them."""
    if high_cost <= 0 or target <= 0 or not math.isfinite(low_cost):
        return (low + high) // 2
    share = math.log(low_cost / target) / math.log(low_cost / high_cost)
    place = math.ceil(low * (high / low) ** share - 1e-9)
    # If the place is the upper end, that one step less is too few is what remains to be seen.
    return min(max(place if place < high else place - 1, low + 1), high - 1)
