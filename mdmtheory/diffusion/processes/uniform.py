"""Uniform noise: tokens turn into uniform tokens."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes.process import Process


@final
class Uniform(Process):
    """A redrawn token is uniform on the V tokens, the old one included; there is no mask."""

    @property
    def num_states(self) -> int:
        return self.vocab_size

    def base(self, device: torch.device | str = "cpu") -> Float[Tensor, " n"]:
        return torch.full((self.vocab_size,), 1 / self.vocab_size, dtype=torch.float64, device=device)

    def draw_base(self, like: Int[Tensor, "*shape"], generator: torch.Generator | None = None) -> Int[Tensor, "*shape"]:
        return torch.randint(self.vocab_size, like.shape, generator=generator, device=like.device)

    def prior_kl(self, alpha: float) -> float:
        """(α + b) ln(αV + 1 − α) + (V − 1) b ln(1 − α), b = (1 − α)/V."""
        other = (1 - alpha) / self.vocab_size
        own = (alpha + other) * math.log1p(alpha * (self.vocab_size - 1))
        return own + ((self.vocab_size - 1) * other * math.log1p(-alpha) if alpha < 1 else 0.0)
