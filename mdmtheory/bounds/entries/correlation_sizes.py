"""Fixed sizes for every law with at most a given total, or dual total, correlation."""

from __future__ import annotations

import math

from languages.checks import check_count, check_fraction


def total_correlation_sizes(total_correlation: float, epsilon: float, length: int) -> list[int]:
    """Sizes with path KL ≤ ε for every law with at most this total correlation (Chen, Cong, Li 2511.04647).

    With ζ = 1 + ⌈TC/ε⌉ each of the first ⌊ln(L−ζ+1)/ln(1/(1−1/ζ))⌋ + 2 steps reveals ⌊(what is left)/ζ⌋ positions;
    then one at a time. Empty steps are dropped.

    Args:
        total_correlation: Upper bound on TC, nats.
        epsilon: ε > 0, nats.
        length: L ≥ 1.
    """
    length = check_count("length", length)
    check_fraction("total_correlation", total_correlation, high=math.inf)
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon!r}")
    share = total_correlation / epsilon
    if share > length:
        return [1] * length
    zeta = 1 + math.ceil(share)
    if zeta == 1:
        return [length]
    if zeta > length:
        return [1] * length
    sizes, left = [], length
    while left >= zeta:  # for less the shares are empty; the published number of steps never ends before
        sizes.append(left // zeta)
        left -= sizes[-1]
    return sizes + [1] * left


def dual_total_correlation_sizes(dual_total_correlation: float, epsilon: float, length: int) -> list[int]:
    """Sizes with path KL ≤ ε for every law with at most this dual total correlation: the mirror image of the TC ones.

    Args:
        dual_total_correlation: Upper bound on DTC, nats.
        epsilon: ε > 0, nats.
        length: L ≥ 1.
    """
    check_fraction("dual_total_correlation", dual_total_correlation, high=math.inf)
    return total_correlation_sizes(dual_total_correlation, epsilon, length)[::-1]
