"""Absorbing noise: tokens turn into masks."""

from __future__ import annotations

import math
from typing import final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes.process import Process


@final
class Absorbing(Process):
    """A redrawn token is the mask, the last of V + 1 states, and stays it."""

    @property
    def num_states(self) -> int:
        return self.vocab_size + 1

    @property
    def mask_id(self) -> int:
        """The id of the mask, V."""
        return self.vocab_size

    def base(self, device: torch.device | str = "cpu") -> Float[Tensor, " n"]:
        law = torch.zeros(self.num_states, dtype=torch.float64, device=device)
        law[-1] = 1
        return law

    def draw_base(self, like: Int[Tensor, "*shape"], generator: torch.Generator | None = None) -> Int[Tensor, "*shape"]:
        return torch.full_like(like, self.mask_id)

    def prior_kl(self, alpha: float) -> float:
        """0 at α = 0, else infinite: a token that is not masked is impossible under ν."""
        return math.inf if alpha > 0 else 0.0
