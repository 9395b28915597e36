"""Seeds for independent streams of randomness: what is drawn at a step depends on the step, never on what came before.

So a resumed run draws what an uninterrupted one would have drawn, without saving the state of any generator.
"""

from __future__ import annotations

import enum
import hashlib

import torch


class Stream(enum.IntEnum):
    """What a stream is for."""

    WEIGHTS = 0
    SEQUENCES = 1
    HELD_OUT = 2
    PERMUTATION = 3
    MASKS = 4
    DROPOUT = 5
    EVALUATION = 6
    ENTROPY = 7


def stream_seed(seed: int, stream: Stream, *index: int) -> int:
    """A 63-bit seed that depends on all its arguments: a hash, so that neighbours share nothing."""
    text = ",".join(str(int(number)) for number in (seed, stream, *index))
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest()) >> 1


def stream_generator(device: torch.device | str, seed: int, stream: Stream, *index: int) -> torch.Generator:
    """A generator on `device` at the start of a stream."""
    return torch.Generator(device=device).manual_seed(stream_seed(seed, stream, *index))
