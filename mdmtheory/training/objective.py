"""What a run minimises: from a config to nats per token of each sequence."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses import (
    AnyOrder,
    Autoregressive,
    DenoisingScoreEntropy,
    DiscreteTime,
    Loss,
    Network,
    Subs,
)
from mdmtheory.diffusion.processes import Absorbing, Process, Uniform
from mdmtheory.diffusion.schedules import schedule_from
from mdmtheory.training.config import TrainingConfig


def training_losses(
    network: Network,
    tokens: Int[Tensor, "B L"],
    config: TrainingConfig,
    vocab_size: int,
    generator: torch.Generator | None = None,
) -> Float[Tensor, " B"]:
    """Loss of each sequence of a batch, nats per token, from one draw of times and noise.

    Args:
        network: Called once.
        tokens: (B, L) complete sequences.
        config: The run.
        vocab_size: V.
        generator: Source of times and noise, on the device of the tokens.
    """
    loss = training_loss(config, vocab_size)
    return loss.estimate(loss.reading(network, config.parametrisation), tokens, generator=generator)


def training_loss(config: TrainingConfig, vocab_size: int) -> Loss:
    """The loss that a config names, as an object."""
    if config.kind == "ar":
        return Autoregressive(vocab_size)
    process: Process = Absorbing(vocab_size) if config.process == "absorbing" else Uniform(vocab_size)
    schedule, sampling = schedule_from(config.schedule), config.time_sampling
    if config.loss == "score-entropy":
        return DenoisingScoreEntropy(process, schedule, sampling=sampling)
    if config.loss == "subs":
        return Subs(vocab_size, schedule, num_steps=config.loss_steps, sampling=sampling)
    if config.loss == "d3pm":
        assert config.loss_steps is not None
        return DiscreteTime(process, config.loss_steps, schedule, sampling=sampling)
    skew = config.skew if config.masking == "count" else 1.0
    return AnyOrder(vocab_size, masking=config.masking, skew=skew, sampling=sampling)
