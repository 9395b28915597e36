"""Plans from left to right: one token at a time, or block by block."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.samplers.plans.plan import GIVEN, Plan
from mdmtheory.samplers.plans.rows import counted, prepare


def left_to_right(
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal one position at a time from left to right.

    Args:
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: An argument is wrong.
    """
    return blocks(1, batch, length, hidden=hidden, generator=generator, row_keys=row_keys)


def blocks(
    size: int,
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal the positions to generate from left to right, `size` of them in each round, the last ones in what is left.

    Args:
        size: How many positions share a round, at least one. Given positions between them do not count.
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: An argument is wrong.
    """
    check_count("size", size)
    rows = prepare(batch, length, hidden, generator, row_keys)
    ranks = rows.hidden.cumsum(1) - 1
    return counted((ranks // size).masked_fill(~rows.hidden, GIVEN), rows.keys)
