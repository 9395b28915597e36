"""Where training sequences come from: fresh ones at every step, or a corpus generated once."""

from __future__ import annotations

from typing import Protocol

import torch
from jaxtyping import Int
from torch import Tensor

from languages.language import Language
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.seeds import Stream, stream_generator

CHUNK_TOKENS = 1 << 20
"""Tokens drawn from the language in one call: enough to hide the cost of the calls, little memory."""


class SequenceSource(Protocol):
    """Batches by step number."""

    def batch(self, step: int) -> Int[Tensor, "B L"]:
        """The sequences this process trains on at a step: a function of the step alone."""
        ...

    def held_out(self) -> Int[Tensor, "H L"]:
        """Sequences that no step trains on, the same in every process."""
        ...


def source_from(language: Language, length: int, config: TrainingConfig, rank: int, world: int) -> SequenceSource:
    """The source a config asks for, for process `rank` of `world`.

    Raises:
        ValueError: A batch size that the processes cannot share equally.
    """
    if config.batch_size % world:
        raise ValueError(f"batch_size must be a multiple of the {world} processes, got {config.batch_size}")
    if config.corpus is not None:
        return FixedSequences(language, length, config, rank, world)
    return FreshSequences(language, length, config, rank, world)


class FreshSequences:
    """New sequences at every step, drawn ahead in chunks of several steps."""

    def __init__(self, language: Language, length: int, config: TrainingConfig, rank: int, world: int) -> None:
        self._language, self._length, self._config, self._rank = language, length, config, rank
        self._local = config.batch_size // world
        self._chunk_steps = max(1, CHUNK_TOKENS // 8 // (self._local * length))
        self._chunk_index = -1
        self._chunk: Tensor | None = None

    def batch(self, step: int) -> Int[Tensor, "B L"]:
        """See `SequenceSource`; two processes never share a stream."""
        index, offset = divmod(step, self._chunk_steps)
        if index != self._chunk_index:
            generator = stream_generator(self._language.device, self._config.seed, Stream.SEQUENCES, self._rank, index)
            count = self._chunk_steps * self._local
            self._chunk = self._language.sample(count, self._length, generator=generator)
            self._chunk_index = index
        assert self._chunk is not None
        return self._chunk[offset * self._local : (offset + 1) * self._local]

    def held_out(self) -> Int[Tensor, "H L"]:
        """Fresh sequences of a stream of their own."""
        return generate(self._language, self._config.held_out, self._length, self._config.seed, Stream.HELD_OUT)


class FixedSequences:
    """A corpus generated once and kept in the smallest integer type; an epoch is a seeded permutation of it."""

    def __init__(self, language: Language, length: int, config: TrainingConfig, rank: int, world: int) -> None:
        self._config, self._rank = config, rank
        self._local = config.batch_size // world
        assert config.corpus is not None
        corpus = generate(language, config.corpus.num_sequences, length, config.seed, Stream.SEQUENCES)
        self._held_out = corpus[: config.held_out]
        self._training = corpus[config.held_out :]
        self._epoch = -1
        self._order: Tensor | None = None

    def batch(self, step: int) -> Int[Tensor, "B L"]:
        """See `SequenceSource`; processes share the permutation and take disjoint slices of each batch."""
        epoch, index = divmod(step, self._config.steps_per_epoch)
        if epoch != self._epoch:
            generator = stream_generator("cpu", self._config.seed, Stream.PERMUTATION, epoch)
            self._order = torch.randperm(len(self._training), generator=generator)
            self._epoch = epoch
        assert self._order is not None
        start = index * self._config.batch_size + self._rank * self._local
        return self._training[self._order[start : start + self._local]].long()

    def held_out(self) -> Int[Tensor, "H L"]:
        """The part of the corpus set aside."""
        return self._held_out.long()


def generate(language: Language, count: int, length: int, seed: int, stream: Stream) -> Int[Tensor, "N L"]:
    """Draw `count` sequences in chunks, each from a stream of its own, and keep them on the CPU.

    Returns:
        (count, length) in the smallest type that holds the tokens: uint8, int16 or int32.
    """
    kind = torch.uint8 if language.vocab_size <= 256 else torch.int16 if language.vocab_size <= 32768 else torch.int32
    corpus = torch.empty(count, length, dtype=kind)
    rows = max(1, CHUNK_TOKENS // length)
    for index, start in enumerate(range(0, count, rows)):
        stop = min(start + rows, count)
        generator = stream_generator(language.device, seed, stream, index)
        corpus[start:stop] = language.sample(stop - start, length, generator=generator).to("cpu", kind)
    return corpus
