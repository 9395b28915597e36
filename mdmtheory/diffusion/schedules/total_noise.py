"""Schedules given by a formula for the total noise σ̄(t), α = e^{−σ̄}."""

from __future__ import annotations

import abc
import dataclasses
import math
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.diffusion.schedules.schedule import Schedule, coerce_numbers


class TotalNoise(Schedule):
    """α = e^{−σ̄}, its ends made exact unless asked otherwise: α(t) = (a(t) − a(1)) / (a(0) − a(1)), a = e^{−σ̄}.

    Attributes:
        exact_ends: False leaves α(t) = e^{−σ̄(t)} as published code has it inside (0, 1); it then jumps at both ends.
    """

    exact_ends: bool

    @abc.abstractmethod
    def sigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ̄(t) before the ends are made exact."""

    @abc.abstractmethod
    def dsigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """Its derivative."""

    @property
    def limits(self) -> tuple[float, float]:
        return (1.0, 0.0) if self.exact_ends else self._ends

    @final
    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        survival = torch.exp(-self.sigma(t))
        if not self.exact_ends:
            return survival
        start, end = self._ends
        return (survival - end) / (start - end)

    @final
    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−σ̄'(t) e^{−σ̄(t)}, over a(0) − a(1) where the ends are made exact."""
        start, end = self._ends if self.exact_ends else (1.0, 0.0)
        return -self.dsigma(t) * torch.exp(-self.sigma(t)) / (start - end)

    @property
    def _ends(self) -> tuple[float, float]:
        """a(0) and a(1)."""
        start, end = self.sigma(torch.tensor([0.0, 1.0], dtype=torch.float64)).tolist()
        return math.exp(-start), math.exp(-end)


@dataclasses.dataclass(frozen=True)
class Geometric(TotalNoise):
    """SEDD's geometric noise, σ̄(t) = σ_min^{1−t} σ_max^t.

    At the values of SEDD's configuration (10⁻⁴, 20; arXiv 2310.16834) exact ends move α by at most 10⁻⁴.

    Attributes:
        sigma_min: Total noise at t = 0 before the ends are made exact.
        sigma_max: Total noise at t = 1 before the ends are made exact.
        exact_ends: See `TotalNoise`.
    """

    sigma_min: float = 1e-4
    sigma_max: float = 20.0
    exact_ends: bool = True

    def __post_init__(self) -> None:
        coerce_numbers(self, "sigma_min", "sigma_max")
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f"sigma_min and sigma_max must satisfy 0 < sigma_min < sigma_max, got {self.sigma_min!r} "
                f"and {self.sigma_max!r}"
            )

    def sigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ_min^{1−t} σ_max^t."""
        return self.sigma_min ** (1 - t) * self.sigma_max**t

    def dsigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ̄(t) ln(σ_max/σ_min)."""
        return math.log(self.sigma_max / self.sigma_min) * self.sigma(t)


@dataclasses.dataclass(frozen=True)
class ConstantRate(TotalNoise):
    """σ̄(t) = σ_max t: tokens are redrawn at a constant rate. Equal steps in t are the constant steps of 2602.15008.

    Attributes:
        sigma_max: Total noise at t = 1 before the end is made exact.
        exact_ends: See `TotalNoise`.
    """

    sigma_max: float = 20.0
    exact_ends: bool = True

    def __post_init__(self) -> None:
        coerce_numbers(self, "sigma_max")
        if not 0 < self.sigma_max < math.inf:
            raise ValueError(f"sigma_max must be positive and finite, got {self.sigma_max!r}")

    def sigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ_max t."""
        return self.sigma_max * t

    def dsigma(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """σ_max."""
        return torch.full_like(t, self.sigma_max)
