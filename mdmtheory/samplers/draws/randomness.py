"""Randomness keyed by row: every uniform is a hash of row key, purpose, round and position.

A sample therefore does not depend on how a batch is split, ordered or bucketed, nor on the device. The hash nests
streams of splitmix64: the key seeds a stream whose output number `purpose` seeds a stream whose output number `round`
seeds a stream whose output number `position` is the 64-bit word that becomes the uniform.
"""

from __future__ import annotations

import enum

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.hashing import shift_right, splitmix64

_UNIT = 2.0**-53


class Purpose(enum.IntEnum):
    """What a uniform decides. Two purposes never share a stream, so their decisions are independent."""

    REVEAL = 0
    """When a position is revealed."""
    TOKEN = 1
    """Which token a position gets."""
    ORDER = 2
    """In which order positions are revealed."""
    CHOICE = 3
    """Ties and random choices of a policy."""
    TRANSITION = 4
    """Whether a kernel moves, remasks or keeps a position."""
    START = 5
    """The noise that a sampler starts from."""


def row_keys(batch: int, generator: torch.Generator | None = None) -> Int[Tensor, " B"]:
    """Draw one key per row, uniform over all of int64.

    Args:
        batch: B ≥ 0.
        generator: Source of randomness; the keys live on its device. None means torch's default, on the CPU.

    Raises:
        ValueError: `batch` is not a whole number of at least zero, or `generator` is no generator.
    """
    batch = check_count("batch", batch, least=0)
    if not isinstance(generator, torch.Generator | None):
        raise ValueError(f"generator must be a torch.Generator, as torch.Generator().manual_seed(0), got {generator!r}")
    keys = torch.empty(batch, dtype=torch.int64, device="cpu" if generator is None else generator.device)
    return keys.random_(-(1 << 63), None, generator=generator)


def uniforms(
    keys: Int[Tensor, "*shape"],
    purpose: Purpose,
    round: int | Int[Tensor, "*shape"],
    position: int | Int[Tensor, "*shape"],
) -> Float[Tensor, "*shape"]:
    """Uniforms in [0, 1) with 53 random bits that depend on nothing but the four arguments.

    Args:
        keys: int64 row keys.
        purpose: What the uniform decides.
        round: Which round of the sampler; broadcasts against the others.
        position: Which position of the row; broadcasts against the others.

    Returns:
        float64 of the broadcast shape, on the device of `keys`.
    """
    words = splitmix64(splitmix64(splitmix64(keys, int(purpose)), round), position)
    return shift_right(words, 11).to(torch.float64) * _UNIT
