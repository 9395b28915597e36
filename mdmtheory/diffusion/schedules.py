"""Noise schedules: the probability α(t) that a token is still revealed at diffusion time t.

Every schedule has α(0) = 1 and α(1) = 0 exactly, so a run backwards from t = 1 starts from nothing but holes and ends
with none. Published code often stops at α(1) = 10⁻³ or at t = 10⁻⁵; no schedule here does. A sampler sees a schedule
only through its reveal probabilities, and a masked-diffusion loss only through the change of variables m = 1 − α(t):
a schedule moves step sizes and variance, never the optimum.
"""

from __future__ import annotations

import abc
import dataclasses
import math
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count


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
        steps = check_count("num_steps", num_steps)
        grid = torch.arange(steps, -1, -1, dtype=torch.float64) / steps
        return self.alpha(grid).diff().clamp(min=0)


@dataclasses.dataclass(frozen=True)
class Linear(Schedule):
    """α(t) = 1 − t. The "log-linear" schedule of SEDD and MDLM, σ̄(t) = −log(1 − t), is this one, as α = e^{−σ̄}."""

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 1 - t

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−1."""
        return -torch.ones_like(t)


@dataclasses.dataclass(frozen=True)
class Cosine(Schedule):
    """α(t) = 1 − sin(πt/2): few tokens a round at first, when all are hidden, many at the end (MaskGIT, 2202.04200)."""

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 2 * torch.sin(math.pi / 4 * (1 - t)).square()  # = 1 − sin(πt/2) without cancellation near t = 1

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−(π/2) cos(πt/2) = −(π/2) sin(π(1−t)/2)."""
        return -math.pi / 2 * torch.sin(math.pi / 2 * (1 - t))


@dataclasses.dataclass(frozen=True)
class Polynomial(Schedule):
    """α(t) = 1 − t^power (MD4, 2406.04329). Above 1 the first rounds reveal most, below 1 the last ones do.

    Attributes:
        power: A positive number. Below 1 the derivative at t = 0 is −∞.
    """

    power: float = 2.0

    def __post_init__(self) -> None:
        if not (self.power > 0 and math.isfinite(self.power)):
            raise ValueError(f"power must be positive and finite, got {self.power!r}")

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return 1 - t**self.power

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−power · t^(power − 1)."""
        return -self.power * t ** (self.power - 1)


@dataclasses.dataclass(frozen=True)
class Geometric(Schedule):
    """SEDD's geometric noise with its ends made exact.

    α(t) = (a(t) − a(1)) / (a(0) − a(1)) with a = e^{−σ̄} and σ̄(t) = σ_min^{1−t} σ_max^t. At the values of SEDD's
    configuration (10⁻⁴, 20; arXiv 2310.16834) this moves α by at most 10⁻⁴.

    Attributes:
        sigma_min: Total noise at t = 0 before the ends are made exact.
        sigma_max: Total noise at t = 1 before the ends are made exact.
    """

    sigma_min: float = 1e-4
    sigma_max: float = 20.0

    def __post_init__(self) -> None:
        if not 0 < self.sigma_min < self.sigma_max < math.inf:
            raise ValueError(
                f"sigma_min and sigma_max must satisfy 0 < sigma_min < sigma_max, got {self.sigma_min!r} "
                f"and {self.sigma_max!r}"
            )

    def _alpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        return (torch.exp(-self._sigma(t)) - math.exp(-self.sigma_max)) / self._range

    def dalpha(self, t: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """−σ̄'(t) e^{−σ̄(t)} / (a(0) − a(1)), where σ̄' = σ̄ · ln(σ_max/σ_min)."""
        sigma = self._sigma(t)
        return -math.log(self.sigma_max / self.sigma_min) * sigma * torch.exp(-sigma) / self._range

    def _sigma(self, t: Tensor) -> Tensor:
        return self.sigma_min ** (1 - t) * self.sigma_max**t

    @property
    def _range(self) -> float:
        return math.exp(-self.sigma_min) - math.exp(-self.sigma_max)


SCHEDULES: Mapping[str, Callable[[], Schedule]] = MappingProxyType(
    {"linear": Linear, "cosine": Cosine, "polynomial": Polynomial, "geometric": Geometric}
)
"""Schedules by name, with their default parameters."""


def schedule_from(name: str) -> Schedule:
    """Return a schedule by name; "log-linear" is "linear".

    Raises:
        ValueError: An unknown name.
    """
    known = {**SCHEDULES, "log-linear": Linear}
    if name not in known:
        raise ValueError(f"schedule must be one of {', '.join(known)}; got {name!r}")
    return known[name]()


def uniform_reveal(num_steps: int) -> Float[Tensor, " N"]:
    """The uniform reveal probabilities w_k = 1/N, those of the linear schedule.

    Args:
        num_steps: N ≥ 1.

    Raises:
        ValueError: num_steps below one.
    """
    steps = check_count("num_steps", num_steps)
    return torch.full((steps,), 1 / steps, dtype=torch.float64)
