"""Schedules given by a formula for α(t)."""

from __future__ import annotations

import dataclasses
import math

import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.diffusion.schedules.schedule import Schedule, coerce_numbers


@dataclasses.dataclass(frozen=True)
class Linear(Schedule):
    """α(t) = 1 − (1 − ε)t: the "log-linear" schedule of SEDD and MDLM, σ̄(t) = −log(1 − (1 − ε)t), as α = e^{−σ̄}.

    Attributes:
        epsilon: ε, exact ends by default. Published code has 10⁻³: then α jumps from ε to 0 at t = 1.
    """

    epsilon: float = 0.0

    def __post_init__(self) -> None:
        coerce_numbers(self, "epsilon")
        if not 0 <= self.epsilon < 1:
            raise ValueError(f"epsilon must lie in [0, 1), got {self.epsilon!r}")

    @property
    def limits(self) -> tuple[float, float]:
        return 1.0, self.epsilon

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return (1 - t) + self.epsilon * t

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−(1 − ε)."""
        return torch.full_like(t, self.epsilon - 1)


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """α(t) = 1 − sin(πt/2): few tokens a round at first, when all are hidden, many at the end (MaskGIT, 2202.04200)."""

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 2 * torch.sin(math.pi / 4 * (1 - t)).square()  # = 1 − sin(πt/2) without cancellation near t = 1

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−(π/2) cos(πt/2) = −(π/2) sin(π(1−t)/2)."""
        return -math.pi / 2 * torch.sin(math.pi / 2 * (1 - t))


@dataclasses.dataclass(frozen=True)
class CosinePower(Schedule):
    """α(t) = cos(πt/2)^power: the "cosine" (power 1) and "cosine squared" (power 2) noise of MDLM's code.

    Attributes:
        power: A positive number.
    """

    power: float = 1.0

    def __post_init__(self) -> None:
        coerce_numbers(self, "power")
        if not (self.power > 0 and math.isfinite(self.power)):
            raise ValueError(f"power must be positive and finite, got {self.power!r}")

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return torch.sin(math.pi / 2 * (1 - t)) ** self.power  # = cos(πt/2) without cancellation near t = 1

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−power · (π/2) sin(πt/2) cos(πt/2)^(power − 1)."""
        cosine = torch.sin(math.pi / 2 * (1 - t))
        return -self.power * math.pi / 2 * torch.sin(math.pi / 2 * t) * cosine ** (self.power - 1)


@dataclasses.dataclass(frozen=True)
class Polynomial(Schedule):
    """α(t) = 1 − t^power (MD4, 2406.04329). Above 1 the first rounds reveal most, below 1 the last ones do.

    Attributes:
        power: A positive number. Below 1 the derivative at t = 0 is −∞.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        coerce_numbers(self, "power")
        if not (self.power > 0 and math.isfinite(self.power)):
            raise ValueError(f"power must be positive and finite, got {self.power!r}")

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 1 - t**self.power

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−power · t^(power − 1)."""
        return -self.power * t ** (self.power - 1)
