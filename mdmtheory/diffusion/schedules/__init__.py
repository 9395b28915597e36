"""Noise schedules α(t), with exact ends unless asked otherwise."""

from mdmtheory.diffusion.schedules.names import SCHEDULES, schedule_from
from mdmtheory.diffusion.schedules.schedule import Schedule, uniform_reveal
from mdmtheory.diffusion.schedules.survival import Cosine, CosinePower, Linear, Polynomial
from mdmtheory.diffusion.schedules.total_noise import ConstantRate, Geometric, TotalNoise

__all__ = [
    "SCHEDULES",
    "ConstantRate",
    "Cosine",
    "CosinePower",
    "Geometric",
    "Linear",
    "Polynomial",
    "Schedule",
    "TotalNoise",
    "schedule_from",
    "uniform_reveal",
]
