"""Noise schedules: the probability α(t) that a token is still revealed at diffusion time t.

Every schedule has α(0) = 1 and α(1) = 0 exactly, so a run backwards from t = 1 starts from nothing but holes and ends
with none. Published code often stops at α(1) = 10⁻³ or at t = 10⁻⁵; no schedule here does unless asked to, and one that
is jumps at the end, which `limits` says. A sampler sees a schedule
only through its reveal probabilities, and a masked-diffusion loss only through the change of variables m = 1 − α(t):
a schedule moves step sizes and variance, never the optimum.
"""

from __future__ import annotations

import abc
import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from languages.reveals import check_steps


class Schedule(abc.ABC):
    """α(t) with exact ends, and its derivative."""

    @final
    def alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Probability that a token is revealed at time t in [0, 1]; exactly 1 at t = 0 and 0 at t = 1."""
        inside = self._alpha(t)
        return torch.where(t <= 0, torch.ones_like(inside), torch.where(t >= 1, torch.zeros_like(inside), inside))

    @abc.abstractmethod
    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Derivative dα/dt, at most zero."""

    @abc.abstractmethod
    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """The formula of α, whose ends may be off by rounding."""

    @property
    def limits(self) -> tuple[float, float]:
        """α(0+) and α(1−), (1, 0) unless the schedule stops short as published ones do and jumps at an end.

        An integral over (0, 1) misses what happens in a jump. A likelihood bound without it owes the KL between the
        law at 1− and pure noise (`Process.prior_kl`), infinite under absorbing noise.
        """
        return 1.0, 0.0

    @final
    def total_noise(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ̄(t) = −ln α(t), from 0 at t = 0 to infinity at t = 1."""
        return -self.alpha(t).log()

    @final
    def noise_rate(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ'(t) = −α'(t)/α(t), the rate at which tokens are redrawn; infinite at t = 1."""
        alpha = self.alpha(t)
        rate = -self.dalpha(t) / torch.where(alpha > 0, alpha, torch.ones_like(alpha))
        return torch.where(alpha > 0, rate, torch.full_like(rate, math.inf))

    @final
    def reveal_probabilities(self, num_steps: int) -> Float[Tensor, " N"]:
        """Probability w_k that a position is revealed in round k of N, on a grid uniform in t run backwards.

        w_k = α(t_k) − α(t_{k−1}) with t_k = 1 − k/N, so that w_1 + … + w_N = α(0) − α(1) = 1.

        Args:
            num_steps: N ≥ 1.

        Returns:
            (N,) float64, not negative, summing to one up to rounding.

        Raises:
            ValueError: num_steps below one.
        """
        steps = check_steps("num_steps", num_steps)
        grid = torch.arange(steps, -1, -1, dtype=torch.float64) / steps
        return self.alpha(grid).diff().clamp(min=0)


def uniform_reveal(num_steps: int) -> Float[Tensor, " N"]:
    """The uniform reveal probabilities w_k = 1/N, those of the linear schedule.

    Args:
        num_steps: N ≥ 1.

    Raises:
        ValueError: num_steps below one.
    """
    steps = check_steps("num_steps", num_steps)
    return torch.full((steps,), 1 / steps, dtype=torch.float64)


def coerce_numbers(schedule: Schedule, *names: str) -> None:
    """Store these attributes of a frozen schedule as floats.

    Raises:
        ValueError: One that is no number.
    """
    for name in names:
        value = getattr(schedule, name)
        try:
            object.__setattr__(schedule, name, float(value))
        except (TypeError, ValueError):
            raise ValueError(f"{name} must be a number, got {value!r}") from None
