"""AdamW and its learning rate."""

from __future__ import annotations

import dataclasses
import math
from typing import Any, Literal

import torch
from torch import nn

from mdmtheory.training.settings import not_negative, one_of, optional, positive, settle, within

Decay = Literal["cosine", "linear", "none"]


@dataclasses.dataclass(frozen=True)
class OptimizerConfig:
    """AdamW, its learning rate over the run, and the average of the weights.

    Attributes:
        learning_rate: The peak.
        warmup: Steps of linear warm-up; a number below one is a fraction of the run.
        decay: "cosine" or "linear" to zero at the end, or "none".
        weight_decay: On matrices only; gains and biases have none.
        betas: Averaging of AdamW's first and second moments.
        gradient_clip: Largest norm of the gradient; None for no limit.
        ema_decay: Largest decay of the weight average that is returned; see `training.ema`.
    """

    learning_rate: float = 3e-3
    warmup: float = 0.05
    decay: Decay = "cosine"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    gradient_clip: float | None = 1.0
    ema_decay: float = 0.999

    def __post_init__(self) -> None:
        settle(
            self,
            learning_rate=positive,
            warmup=not_negative,
            decay=one_of(Decay),
            weight_decay=not_negative,
            betas=_pair,
            gradient_clip=optional(positive),
            ema_decay=within(below=1.0),
        )

    def rate(self, step: int, progress: float, total_steps: int) -> float:
        """Learning rate of a step, a function of where the run is and of nothing else, so resume needs no state.

        Args:
            step: Steps done.
            progress: Fraction of the run that is done, in [0, 1].
            total_steps: Steps of the whole run.
        """
        if self.warmup >= 1:
            warm = min(1.0, (step + 1) / self.warmup)
        elif self.warmup > 0:
            warm = min(1.0, (progress + 1 / total_steps) / self.warmup)
        else:
            warm = 1.0
        if self.decay == "cosine":
            fall = 0.5 * (1 + math.cos(math.pi * min(progress, 1.0)))
        elif self.decay == "linear":
            fall = 1 - min(progress, 1.0)
        else:
            fall = 1.0
        return self.learning_rate * warm * fall


def make_optimizer(model: nn.Module, config: OptimizerConfig) -> torch.optim.AdamW:
    """AdamW in one fused kernel; weight decay acts on matrices, not on gains and biases."""
    matrices = [parameter for parameter in model.parameters() if parameter.dim() > 1]
    vectors = [parameter for parameter in model.parameters() if parameter.dim() <= 1]
    groups = [
        {"params": matrices, "weight_decay": config.weight_decay},
        {"params": vectors, "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=config.learning_rate, betas=config.betas, fused=True)


def _pair(name: str, values: Any) -> tuple[float, float]:
    """Two numbers in [0, 1)."""
    if not isinstance(values, tuple | list) or len(values) != 2:
        raise ValueError(f"{name} must be two numbers, got {values!r}")
    check = within(below=1.0)
    return check(name, values[0]), check(name, values[1])
