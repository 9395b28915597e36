"""SUBS cross-entropy: the NELBO of masked diffusion, in continuous time or of N steps."""

from __future__ import annotations

from typing import final

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count
from mdmtheory.diffusion.losses.loss import Minimum
from mdmtheory.diffusion.losses.masked_cross_entropy import MaskedCrossEntropy
from mdmtheory.diffusion.losses.times import (
    TimeSampling,
    continuous_times,
    grid_times,
    noisy_alpha,
    previous_time,
)
from mdmtheory.diffusion.processes import Absorbing
from mdmtheory.diffusion.schedules import Linear, Schedule


@final
class Subs(MaskedCrossEntropy):
    """Weighted cross-entropy at masks, the NELBO of MDLM (2406.07524, eqs. 8 and 10) and MD4 (2406.04329).

        continuous   ∫_0^1 −α'(t)/(1 − α(t)) E Σ_{i masked} −log p(x_i | x_t) dt
        N steps      Σ_k (α(s_k) − α(t_k))/(1 − α(t_k)) E Σ_{i masked} −log p(x_i | x_{t_k}),  t_k = k/N, s_k = (k−1)/N

    The first does not depend on the schedule if the network ignores the time; the second is above it, and falls to it
    as 1/N. RADD (2406.03736) calls the first t-DCE.

    Args:
        vocab_size: V.
        schedule: α(t).
        num_steps: N, or None for continuous time.
        sampling: How the times of a batch are spread.

    Raises:
        ValueError: num_steps below one.
    """

    def __init__(
        self,
        vocab_size: int,
        schedule: Schedule | None = None,
        *,
        num_steps: int | None = None,
        sampling: TimeSampling = "stratified",
    ) -> None:
        super().__init__(Absorbing(vocab_size), sampling)
        self.schedule = Linear() if schedule is None else schedule
        self.num_steps = None if num_steps is None else check_count("num_steps", num_steps)
        self.minimum: Minimum = "entropy" if num_steps is None else "entropy and path KL"

    def times(
        self,
        batch: int,
        length: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        if self.num_steps is None:
            return continuous_times(batch, self.sampling, generator, device)
        return grid_times(batch, self.num_steps, self.sampling, generator, device)

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return noisy_alpha(self.schedule, time)

    def weigh(self, total: Float[Tensor, " B"], time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        noise = 1 - self.alpha(time)
        if self.num_steps is None:
            revealed = -self.schedule.dalpha(time)
        else:
            revealed = self.num_steps * (self.schedule.alpha(previous_time(time, self.num_steps)) - self.alpha(time))
        return total * (revealed / noise).to(total.dtype) / length
