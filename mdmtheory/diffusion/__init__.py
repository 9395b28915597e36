"""Noise processes, schedules and losses."""

from mdmtheory.diffusion.losses import (
    AnyOrder,
    Autoregressive,
    DenoisingScoreEntropy,
    DiffusionLoss,
    DiscreteTime,
    Loss,
    Subs,
    causal_inputs,
    score_entropy,
)
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
    "AnyOrder",
    "Autoregressive",
    "ConstantRate",
    "Cosine",
    "CosinePower",
    "DenoisingScoreEntropy",
    "DiffusionLoss",
    "DiscreteTime",
    "Geometric",
    "Linear",
    "Loss",
    "Polynomial",
    "Process",
    "Schedule",
    "Subs",
    "Uniform",
    "causal_inputs",
    "schedule_from",
    "score_entropy",
    "uniform_reveal",
]
