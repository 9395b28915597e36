"""Noise schedules, masks and losses."""

from mdmtheory.diffusion.losses import autoregressive_losses, causal_inputs, masked_diffusion_losses
from mdmtheory.diffusion.masking import Masks, bernoulli_masks, count_masks, draw_masks
from mdmtheory.diffusion.schedules import (
    SCHEDULES,
    Cosine,
    Geometric,
    Linear,
    Polynomial,
    Schedule,
    schedule_from,
    uniform_reveal,
)

__all__ = [
    "SCHEDULES",
    "Cosine",
    "Geometric",
    "Linear",
    "Masks",
    "Polynomial",
    "Schedule",
    "autoregressive_losses",
    "bernoulli_masks",
    "causal_inputs",
    "count_masks",
    "draw_masks",
    "masked_diffusion_losses",
    "schedule_from",
    "uniform_reveal",
]
