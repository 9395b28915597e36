"""Streams of random words that depend on their seed alone, the same in torch on any device and in compiled loops.

splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators", OOPSLA 2014.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from languages.compilation import compiled

GAMMA = np.uint64(0x9E3779B97F4A7C15)
"""What the state of a stream grows by from one word to the next."""
_FIRST_MULTIPLIER, _SECOND_MULTIPLIER = np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)


def splitmix64(seed: Int[Tensor, "*shape"], index: int | Int[Tensor, "*shape"]) -> Int[Tensor, "*shape"]:
    """Output number `index` of the splitmix64 stream with this seed, as the int64 with the same bits.

    Args:
        seed: int64, any shape.
        index: int64 that broadcasts against `seed`; 0 is the first output.
    """
    # int64 products and sums wrap around modulo 2^64 in torch, on CPU and GPU alike.
    steps = torch.as_tensor(index, dtype=torch.int64, device=seed.device) + 1
    z = seed + steps * _signed(GAMMA)
    z = (z ^ shift_right(z, 30)) * _signed(_FIRST_MULTIPLIER)
    z = (z ^ shift_right(z, 27)) * _signed(_SECOND_MULTIPLIER)
    return z ^ shift_right(z, 31)


def shift_right(z: Int[Tensor, "*shape"], bits: int) -> Int[Tensor, "*shape"]:
    """Logical shift: torch's `>>` copies the sign bit down, the mask takes the copies away."""
    return (z >> bits) & ((1 << (64 - bits)) - 1)


@compiled(nogil=True)
def mixed(state: np.uint64) -> np.uint64:
    """The word of a stream in this state, seed + (index + 1) · `GAMMA`, for compiled loops."""
    z = (state ^ (state >> np.uint64(30))) * _FIRST_MULTIPLIER
    z = (z ^ (z >> np.uint64(27))) * _SECOND_MULTIPLIER
    return z ^ (z >> np.uint64(31))


def _signed(word: np.uint64) -> int:
    """The int64 with the same bits."""
    return int(word.astype(np.int64))
