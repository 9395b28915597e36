"""What a run minimises: from a config to nats per token of each sequence."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses import (
    DenoisingScoreEntropy,
    DiscreteTime,
    Loss,
    Network,
    Subs,
    autoregressive_losses,
    masked_diffusion_losses,
)
from mdmtheory.diffusion.masking import draw_masks
from mdmtheory.diffusion.parametrisations import log_posterior, log_score
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
    if config.kind == "ar":
        return autoregressive_losses(network, tokens, vocab_size)
    if config.loss == "any-order":
        masks = draw_masks(
            config.masking,
            *tokens.shape,
            skew=config.skew,
            sampling=config.time_sampling,
            generator=generator,
            device=tokens.device,
        )
        return masked_diffusion_losses(network, tokens, masks, vocab_size)
    loss = diffusion_loss(config, vocab_size)
    model = network_output(network, loss, config)
    return loss.estimate(model, tokens, sampling=config.time_sampling, generator=generator) / tokens.shape[1]


def diffusion_loss(config: TrainingConfig, vocab_size: int) -> Loss:
    """The loss that a config names, as an object; "any-order" has functions of its own.

    Raises:
        ValueError: A config without such a loss.
    """
    process: Process = Absorbing(vocab_size) if config.process == "absorbing" else Uniform(vocab_size)
    schedule = schedule_from(config.schedule)
    if config.loss == "score-entropy":
        return DenoisingScoreEntropy(process, schedule)
    if config.loss == "subs":
        return Subs(vocab_size, schedule, num_steps=config.loss_steps)
    if config.loss == "d3pm" and config.loss_steps is not None:
        return DiscreteTime(process, config.loss_steps, schedule)
    raise ValueError(f"loss must be subs, d3pm or score-entropy, got {config.loss!r}")


def network_output(network: Network, loss: Loss, config: TrainingConfig) -> Network:
    """The network as a loss wants it: log-posteriors or log-scores, float32 at least."""
    convert = log_score if loss.output == "log-score" else log_posterior

    def model(noisy: Int[Tensor, "B L"], time: Float[Tensor, " B"], at: Bool[Tensor, "B L"]) -> Float[Tensor, "K V"]:
        logits = network(noisy, time, at).float()
        alpha = (1 - time)[at.nonzero()[:, 0]]
        return convert(logits, noisy[at], alpha, loss.process, config.parametrisation)

    return model
