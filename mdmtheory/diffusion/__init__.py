"""Noise processes and schedules, masks and losses."""

from mdmtheory.diffusion.losses import (
    Counted,
    DenoisingScoreEntropy,
    DiscreteTime,
    LambdaWeighted,
    Loss,
    Subs,
    autoregressive_losses,
    causal_inputs,
    masked_diffusion_losses,
    score_entropy,
)
from mdmtheory.diffusion.masking import Masks, bernoulli_masks, count_masks, draw_masks
from mdmtheory.diffusion.processes import Absorbing, Process, Uniform
from mdmtheory.diffusion.schedules import (
    SCHEDULES,
    ConstantRate,
    Cosine,
    CosinePower,
    Geometric,
    Linear,
    Polynomial,
    Schedule,
    schedule_from,
    uniform_reveal,
)

__all__ = [
    "SCHEDULES",
    "Absorbing",
    "ConstantRate",
    "Cosine",
    "CosinePower",
    "Counted",
    "DenoisingScoreEntropy",
    "DiscreteTime",
    "Geometric",
    "LambdaWeighted",
    "Linear",
    "Loss",
    "Masks",
    "Polynomial",
    "Process",
    "Schedule",
    "Subs",
    "Uniform",
    "autoregressive_losses",
    "bernoulli_masks",
    "causal_inputs",
    "count_masks",
    "draw_masks",
    "masked_diffusion_losses",
    "schedule_from",
    "score_entropy",
    "uniform_reveal",
]
