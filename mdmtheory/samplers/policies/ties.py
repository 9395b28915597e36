"""Ties: which scores are told apart, and how wide a tie is."""

from __future__ import annotations

import math
from typing import Literal

import torch
from jaxtyping import Bool, Float
from torch import Tensor

Ties = Literal["left", "random"]
"""Who goes first among equals: the position further left, or a random one, by row key."""

_WIDTHS = {torch.float64: 2.0**-30, torch.float32: 2.0**-14, torch.float16: 2.0**-8, torch.bfloat16: 2.0**-6}


def tie_width(dtype: torch.dtype) -> float:
    """How far apart two scores may be and count as equal, for answers of this dtype.

    A network's logits move with batch size, threads and device: by some 1e−5 in float32, by a unit or two in the last
    place in half precision. What a policy does must not hang on that.
    """
    return _WIDTHS[dtype]


def first_of_ties(ranked: Float[Tensor, "B L"], width: float) -> Bool[Tensor, "B L"]:
    """Where groups of tied scores begin: each holds what is no further than `width` below its first.

    Groups are counted from the largest score on, not from the edges of a grid: rounding to a grid would part equal
    scores whenever noise pushes one of them over an edge.

    Args:
        ranked: (B, L) scores in falling order.
        width: See `tie_width`.
    """
    batch, length = ranked.shape
    rising = -ranked
    following = torch.searchsorted(rising, rising + width, right=True)
    # The first of the next group follows the first of this one. Jumps double, so log2(L) rounds find them all.
    jump = torch.nn.functional.pad(following, (0, 1), value=length)
    first = torch.zeros(batch, length + 1, dtype=torch.int64, device=ranked.device)
    first[:, :1] = 1
    for _ in range(math.ceil(math.log2(length + 1))):
        first = torch.maximum(first, torch.zeros_like(first).scatter_reduce_(1, jump, first, "amax"))
        jump = jump.gather(1, jump)
    return first[:, :length] > 0
