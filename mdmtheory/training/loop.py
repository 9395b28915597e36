"""The training loop."""

from __future__ import annotations

import dataclasses
import math
import time
import warnings
from collections.abc import Callable

import torch

from languages.checks import check_count
from languages.estimate import Estimate
from languages.information import position_information
from languages.language import Language
from languages.specification import as_language
from mdmtheory.training import checkpoints
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.data import SequenceSource, source_from
from mdmtheory.training.engine import Engine, make_engine
from mdmtheory.training.evaluate import sequence_losses
from mdmtheory.training.identity import run_identity
from mdmtheory.training.pace import Pace
from mdmtheory.training.progress import Progress, ProgressDisplay, TrainingRecord
from mdmtheory.training.result import TrainingResult
from mdmtheory.training.seeds import Stream, stream_generator, stream_seed
from mdmtheory.training.size import check_data, check_step

LEAST_FLOOR = 1e-3
"""Error, nats a token, of which a run without boundary tokens warns."""
ENTROPY_SEQUENCES = 4096
"""Sequences for the entropy of a language that has no exact one."""


def train(
    language: Language | str,
    length: int,
    config: TrainingConfig,
    *,
    progress: Progress = None,
    optimum: float | None = None,
) -> TrainingResult:
    """Train a network on sequences of a language.

    Args:
        language: Where the sequences come from, or its specification, such as "2-gram"; see `languages.language_from`.
        length: L, tokens per sequence.
        config: The run.
        progress: None for a bar on a terminal, True or False for a bar or none, or a function of every
            `TrainingRecord`.
        optimum: Entropy of the language per token, nats, if the caller has it, NaN if nobody needs it; else exact where
            the language can say, else estimated.

    Returns:
        The network with averaged weights, the history, and the held-out loss.

    Raises:
        ValueError: A checkpoint that is damaged or belongs to another run, a folder that cannot be written to, a batch
            size that the processes cannot share, or sizes that do not fit in memory; before any training.
        FloatingPointError: The loss is no longer finite.
    """
    language = as_language(language)
    if not isinstance(config, TrainingConfig):
        raise ValueError(f"config must be a TrainingConfig, such as TrainingConfig(steps=300), got {config!r}")
    length = check_count("length", length)
    shape = config.transformer(language.vocab_size)
    check_data(config, language, length)
    if config.objective.sees_masks and not shape.boundary_tokens:
        _warn_of_positions(language, length)
    folder = config.run.checkpoint_dir
    path = None if folder is None else checkpoints.prepare_folder(folder)
    identity = run_identity(language, length, config) if path is not None else {}
    if optimum is None:
        optimum = _entropy(language, length, config.seed) / length
    engine = make_engine(config, shape)
    check_step(config, shape, length, engine.fabric.device, engine.fabric.world_size)
    source = source_from(language, length, config, engine.fabric.global_rank, engine.fabric.world_size)
    done = checkpoints.Progress()
    if path is not None and path.exists():
        done = checkpoints.load_checkpoint(path, identity, engine.model, engine.ema, engine.optimizer)

    def save(state: checkpoints.Progress) -> None:
        if path is not None:
            first = engine.fabric.global_rank == 0
            checkpoints.save_checkpoint(path, identity, state, engine.model, engine.ema, engine.optimizer, write=first)
            engine.fabric.barrier()

    shown = progress if engine.fabric.global_rank == 0 else False
    display = ProgressDisplay(shown, config.total_steps, done.step, f"{config.objective.name} {config.network.size}")
    try:
        with torch.random.fork_rng(enabled=config.network.dropout > 0):
            done = _run(engine, source, language, length, config, optimum, done, save, display)
    finally:
        display.close()
    network = engine.averaged_network(shape)
    held_out = None
    tokens = source.held_out()
    if len(tokens) > 1:
        generator = stream_generator(engine.fabric.device, config.seed, Stream.EVALUATION)
        losses = sequence_losses(network, tokens, objective=config.objective, generator=generator)
        held_out = Estimate.from_samples(losses.cpu(), unit="nats/token")
    history = tuple(TrainingRecord(**record) for record in done.history)
    return TrainingResult(network, config, history, done.step, done.seconds, optimum, done.cuts, held_out)


def _run(
    engine: Engine,
    source: SequenceSource,
    language: Language,
    length: int,
    config: TrainingConfig,
    optimum: float,
    done: checkpoints.Progress,
    save: Callable[[checkpoints.Progress], None],
    display: ProgressDisplay,
) -> checkpoints.Progress:
    """Step until the end of the run, logging and saving on the way."""
    device, rank = engine.fabric.device, engine.fabric.global_rank
    masks_generator = torch.Generator(device=device)
    pace = Pace(config.total_steps, config.run.time_limit_seconds, done.cuts)
    step, saved, window, history = done.step, done.step, done.window, list(done.history)
    truth = config.objective.truth(language, device)
    begun = time.perf_counter() - done.seconds
    total, rate = torch.tensor(window.total, device=device), 0.0

    def clock() -> float:
        return time.perf_counter() - begun

    def record() -> None:
        """Close the window and open the next."""
        nonlocal window
        seconds, steps = clock(), step - window.start
        value = engine.mean(total / steps)
        if not math.isfinite(value):
            raise FloatingPointError(
                f"the loss is {value} between steps {window.start} and {step}; a lower learning_rate than "
                f"{config.optimizer.learning_rate:g} or a longer warmup may help"
            )
        speed = steps * config.batch_size * length / max(seconds - window.seconds, 1e-9)
        entry = TrainingRecord(step, value, value - optimum, rate, seconds, speed)
        history.append(dataclasses.asdict(entry))
        total.zero_()
        window = checkpoints.Window(step, seconds)

    def progress(seconds: float) -> checkpoints.Progress:
        """Where the run is, as a checkpoint keeps it."""
        so_far = dataclasses.replace(window, total=engine.mean(total))
        return checkpoints.Progress(step, seconds, tuple(history), so_far, pace.cuts)

    engine.call.train()
    while True:
        if pace.limit is not None:
            # All processes must move the end alike.
            pace.review(step, engine.fabric.broadcast(clock()) if engine.fabric.world_size > 1 else clock())
        if step >= pace.end:
            break
        tokens = source.batch(step).to(device, non_blocking=True)
        masks_generator.manual_seed(stream_seed(config.seed, Stream.MASKS, rank, step))
        if config.network.dropout > 0:
            torch.manual_seed(stream_seed(config.seed, Stream.DROPOUT, rank, step))
        loss = config.objective.losses(engine.call, tokens, language.vocab_size, masks_generator, truth).mean()
        rate = config.optimizer.rate(step, pace.part(step), config.total_steps)
        engine.step(loss, rate, config.optimizer.gradient_clip)
        total += loss.detach()
        step += 1
        logged = step % config.run.log_every == 0
        if logged:
            record()
        if config.run.checkpoint_every is not None and step % config.run.checkpoint_every == 0 and step < pace.end:
            save(progress(clock()))
            saved = step
        if logged:
            display.show(TrainingRecord(**history[-1]), pace.end)
    if step > window.start:
        record()
        display.show(TrainingRecord(**history[-1]), pace.end)
    state = progress(clock() if step > done.step else done.seconds)
    if step > saved:
        save(state)
    return state


def _warn_of_positions(language: Language, length: int) -> None:
    """Warn of an error that no training removes: masks that a network cannot tell apart."""
    floor = float(position_information(language, length).mean())
    if floor > LEAST_FLOOR:
        warnings.warn(
            f"network.boundary_tokens is False: an all-masked row gets the same answer at every position, which leaves "
            f"an error of {floor:.3g} nats a token there, whatever the training, as the tokens of {language.name} are "
            "distributed differently at different positions",
            stacklevel=3,
        )


def _entropy(language: Language, length: int, seed: int) -> float:
    """Entropy of the language at this length, nats: exact where it can be had."""
    try:
        return language.entropy(length)
    except NotImplementedError:
        generator = stream_generator(language.device, seed, Stream.ENTROPY)
        return language.estimate_entropy(length, num_sequences=ENTROPY_SEQUENCES, generator=generator).value
