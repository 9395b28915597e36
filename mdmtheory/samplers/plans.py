"""Plans: who is revealed when, decided before any network call. Each function here draws from the scheme of its name.

All take the options of `RowOptions`: `hidden`, the positions to generate, and `generator` or `row_keys`, where the
randomness comes from. They raise ValueError where an argument is wrong, and the plan remembers its scheme.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Unpack

import numpy as np
from torch import Tensor

from languages.reveals import Reveal, reveal_probabilities
from mdmtheory.samplers.plan import GIVEN, Plan
from mdmtheory.samplers.rows import RowOptions
from mdmtheory.samplers.schemes import (
    Bernoulli,
    Bisection,
    Blocks,
    FirstHitting,
    FixedSizes,
    LeftToRight,
    RandomOrder,
)

__all__ = [
    "GIVEN",
    "Plan",
    "RowOptions",
    "bernoulli",
    "bisection",
    "blocks",
    "first_hitting",
    "fixed_sizes",
    "left_to_right",
    "random_order",
    "reveal_probabilities",
]


def bernoulli(reveal: Reveal, batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal every position independently in round k with probability w_k, `reveal` (N,)."""
    return Bernoulli(reveal).plan(batch, length, **rows)


def fixed_sizes(
    sizes: Sequence[int] | np.ndarray | Tensor, batch: int, length: int, **rows: Unpack[RowOptions]
) -> Plan:
    """Reveal exactly s_k uniformly chosen positions in round k; `sizes` sum to what every row has to generate."""
    return FixedSizes(sizes).plan(batch, length, **rows)


def first_hitting(batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal one position at a time at its own uniform time: the continuous-time law without time discretisation."""
    return FirstHitting().plan(batch, length, **rows)


def random_order(batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal one position at a time in uniformly random order, at times that are counts."""
    return RandomOrder().plan(batch, length, **rows)


def left_to_right(batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal one position at a time from left to right."""
    return LeftToRight().plan(batch, length, **rows)


def blocks(size: int, batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal the positions to generate from left to right, `size` of them in each round."""
    return Blocks(size).plan(batch, length, **rows)


def bisection(order: int, batch: int, length: int, **rows: Unpack[RowOptions]) -> Plan:
    """Reveal middle blocks first: exact in logarithmically many rounds on a Markov chain of this order."""
    return Bisection(order).plan(batch, length, **rows)
