"""AdamW and its learning rate."""

from __future__ import annotations

import math

import torch
from torch import nn

from mdmtheory.training.config import TrainingConfig


def make_optimizer(model: nn.Module, config: TrainingConfig) -> torch.optim.AdamW:
    """AdamW in one fused kernel; weight decay acts on matrices, not on gains and biases."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def learning_rate(config: TrainingConfig, step: int, progress: float) -> float:
    """Learning rate of a step, a function of where the run is and of nothing else, so resume needs no state.

    Args:
        config: The run.
        step: Steps done.
        progress: Fraction of the run that is done, in [0, 1].
    """
    if config.warmup >= 1:
        warm = min(1.0, (step + 1) / config.warmup)
    elif config.warmup > 0:
        warm = min(1.0, (progress + 1 / config.total_steps) / config.warmup)
    else:
        warm = 1.0
    if config.decay == "cosine":
        fall = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
    elif config.decay == "linear":
        fall = 1 - min(progress, 1.0)
    else:
        fall = 1.0
    return config.learning_rate * warm * fall
