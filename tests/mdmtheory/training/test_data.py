"""Where sequences come from: functions of the step, disjoint between processes, held-out ones never trained on."""

from __future__ import annotations

import pytest
import torch

from languages import random_ngram
from mdmtheory.training import Corpus, TrainingConfig
from mdmtheory.training.data import generate, source_from
from mdmtheory.training.seeds import Stream, stream_generator, stream_seed

LANGUAGE = random_ngram(2, 8, seed=1)


def fresh(**options: object) -> TrainingConfig:
    return TrainingConfig(**{"steps": 10, "batch_size": 8, "held_out": 20, **options})


def fixed(**options: object) -> TrainingConfig:
    return fresh(**{"steps": None, "corpus": Corpus(70, epochs=2), **options})


@pytest.mark.parametrize("config", [fresh(), fixed()], ids=["fresh", "fixed"])
def test_batches_are_functions_of_the_step(config: TrainingConfig) -> None:
    forward = source_from(LANGUAGE, 40, config, 0, 1)
    steps = [forward.batch(step) for step in range(10)]
    assert all(batch.shape == (8, 40) and batch.dtype == torch.int64 for batch in steps)
    backward = source_from(LANGUAGE, 40, config, 0, 1)
    for step in reversed(range(10)):
        assert torch.equal(backward.batch(step), steps[step])
    other = source_from(LANGUAGE, 40, fresh(seed=1), 0, 1)
    assert not torch.equal(other.batch(0), steps[0])


def test_fresh_data_crosses_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mdmtheory.training.data.CHUNK_TOKENS", 8 * 3 * 8 * 40)
    source = source_from(LANGUAGE, 40, fresh(), 0, 1)
    assert source._chunk_steps == 3  # type: ignore[attr-defined]
    rows = torch.cat([source.batch(step) for step in range(10)])
    assert len(rows.unique(dim=0)) == 80


def test_processes_never_share_fresh_sequences() -> None:
    one, two = (source_from(LANGUAGE, 40, fresh(), rank, 2) for rank in range(2))
    assert one.batch(0).shape == (4, 40)
    rows = torch.cat([source.batch(step) for source in (one, two) for step in range(10)])
    assert len(rows.unique(dim=0)) == 80
    assert torch.equal(one.held_out(), two.held_out())


def test_an_epoch_visits_every_training_sequence_once_and_no_held_out_one() -> None:
    config = fixed()
    assert config.steps_per_epoch == 6
    assert config.total_steps == 12
    corpus = generate(LANGUAGE, 70, 40, config.seed, Stream.SEQUENCES)
    assert corpus.dtype == torch.uint8
    sources = [source_from(LANGUAGE, 40, config, rank, 2) for rank in range(2)]
    epochs = [
        torch.cat([source.batch(step) for step in range(6 * epoch, 6 * epoch + 6) for source in sources])
        for epoch in range(2)
    ]
    held_out = sources[0].held_out()
    assert torch.equal(held_out, corpus[:20].long())
    training = {tuple(row) for row in corpus[20:].tolist()}
    for epoch in epochs:
        rows = {tuple(row) for row in epoch.tolist()}
        assert len(rows) == 48  # of 50: full batches only
        assert rows <= training
        assert rows.isdisjoint({tuple(row) for row in held_out.tolist()})
    assert not torch.equal(epochs[0], epochs[1])


def test_held_out_fresh_sequences_are_not_those_trained_on() -> None:
    source = source_from(LANGUAGE, 40, fresh(), 0, 1)
    trained = {tuple(row) for step in range(10) for row in source.batch(step).tolist()}
    assert trained.isdisjoint({tuple(row) for row in source.held_out().tolist()})


def test_large_vocabularies_get_larger_types() -> None:
    assert generate(random_ngram(1, 300, seed=0), 5, 4, 0, Stream.SEQUENCES).dtype == torch.int16


def test_streams_differ_in_everything() -> None:
    seeds = {stream_seed(*arguments) for arguments in [
        (0, Stream.MASKS, 0, 1), (1, Stream.MASKS, 0, 1), (0, Stream.DROPOUT, 0, 1), (0, Stream.MASKS, 1, 1),
        (0, Stream.MASKS, 0, 2), (0, Stream.MASKS, 0), (0, Stream.MASKS, 1, 0),
    ]}  # fmt: skip
    assert len(seeds) == 7
    assert all(0 <= seed < 2**63 for seed in seeds)


def test_bad_input_is_named() -> None:
    with pytest.raises(ValueError, match="3 processes"):
        source_from(LANGUAGE, 40, fresh(), 0, 3)


@pytest.mark.parametrize("config", [fresh(), fixed()], ids=["fresh", "fixed"])
def test_held_out_sequences_have_a_stream_or_a_part_of_their_own(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[tuple[Stream, ...]] = []

    def noted(device: object, seed: int, stream: Stream, *index: int) -> torch.Generator:
        drawn.append((stream, *index))
        return stream_generator("cpu", seed, stream, *index)

    monkeypatch.setattr("mdmtheory.training.data.stream_generator", noted)
    source = source_from(LANGUAGE, 40, config, 0, 1)
    for step in range(10):
        source.batch(step)
    training = {stream for stream, *_ in drawn}
    drawn.clear()
    source.held_out()
    assert training.isdisjoint(stream for stream, *_ in drawn)
    assert training <= {Stream.SEQUENCES, Stream.PERMUTATION}
