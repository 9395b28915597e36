"""Ranks, and random orders of the positions of a row."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


def random_ranks(
    batch: int,
    length: int,
    *,
    dtype: torch.dtype = torch.float64,
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Int[Tensor, "B L"]:
    """The rank 0 … L − 1 of every position in an order of each row's own, uniform over all orders.

    Args:
        batch: B.
        length: L.
        dtype: Of the uniform numbers that are ranked. In float32 ties are not rare: half of one among 4,096 numbers.
        generator: Source of randomness on `device`.
        device: Where the result lives.
    """
    return ranks(torch.rand(batch, length, dtype=dtype, generator=generator, device=device))


def ranks(numbers: Float[Tensor, "*B L"]) -> Int[Tensor, "*B L"]:
    """The rank 0 … L − 1 of every number along the last axis."""
    return numbers.argsort(-1).argsort(-1)
