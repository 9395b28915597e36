"""Times of a batch: how they are spread, and the ends that rounding must not reach."""

from __future__ import annotations

from typing import Literal, get_args

import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.diffusion.schedules import Schedule

TimeSampling = Literal["stratified", "systematic", "independent"]

LATEST = 1 - 2**-24
"""Last time that is drawn: at 1 itself rates are infinite."""
LEAST_NOISE = 2**-50
"""Least 1 − α of a time that is drawn: below it rounding would leave no noise at all, and weights of 1/0."""


def check_sampling(sampling: TimeSampling) -> TimeSampling:
    """Return the name if it is known, else raise a ValueError."""
    if sampling not in get_args(TimeSampling):
        raise ValueError(f"sampling must be stratified, systematic or independent; got {sampling!r}")
    return sampling


def unit_levels(
    batch: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device | str
) -> Float[Tensor, " B"]:
    """Draw `batch` numbers, each uniform on [0, 1), that cover the interval evenly together.

    Args:
        batch: B.
        sampling: "stratified", row b uniform in [b/B, (b+1)/B); "systematic", one uniform u shared by all rows,
            (u + b/B) mod 1 (the "antithetic" sampling of MDLM); "independent".
        generator: Source of randomness on `device`.
        device: Where the result lives.
    """
    if sampling == "independent":
        return torch.rand(batch, generator=generator, device=device)
    rank = torch.arange(batch, device=device, dtype=torch.float32)
    if sampling == "stratified":
        levels = (rank + torch.rand(batch, generator=generator, device=device)) / max(batch, 1)
    else:
        levels = (torch.rand(1, generator=generator, device=device) + rank / max(batch, 1)) % 1
    return levels.clamp(max=1 - 2**-24)  # rounding in float32 may reach 1


def noisy_alpha(schedule: Schedule, time: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """α(t), at most 1 − 2⁻⁵⁰."""
    return schedule.alpha(time).clamp(max=1 - LEAST_NOISE)


def continuous_times(
    batch: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device | str
) -> Float[Tensor, " B"]:
    """Draw times uniform on (0, 1)."""
    return (1 - unit_levels(batch, sampling, generator, device).double()).clamp(max=LATEST)


def grid_times(
    batch: int, num_steps: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device | str
) -> Float[Tensor, " B"]:
    """Draw times uniform on 1/N, 2/N, …, 1."""
    levels = unit_levels(batch, sampling, generator, device).double()
    return ((levels * num_steps).floor().clamp(max=num_steps - 1) + 1) / num_steps


def previous_time(time: Float[Tensor, "*n"], num_steps: int) -> Float[Tensor, "*n"]:
    """The time one step of 1/N before a time on the grid, exactly 0 at the last step."""
    return ((time * num_steps).round() - 1) / num_steps
