"""Embedding of the noise level."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

FREQUENCIES = 256
"""Length of the sinusoidal code, half cosines and half sines."""
LONGEST_PERIOD = 10000.0


class TimeEmbedding(nn.Module):
    """Map the noise fraction in [0, 1] to a conditioning vector.

    The fraction is multiplied by 1000, so that the periods of the code, 2π … 2π·10⁴ as in diffusion models with 1000
    steps (Ho et al., 2006.11239), resolve differences of a thousandth; two linear maps and a SiLU each follow. The
    code is computed in float32 whatever the precision of the network.
    """

    def __init__(self, size: int) -> None:
        super().__init__()
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())

    def forward(self, time: Float[Tensor, " B"]) -> Float[Tensor, "B E"]:
        """Embed one noise fraction per row."""
        half = FREQUENCIES // 2
        exponent = torch.arange(half, dtype=torch.float32, device=time.device) / half
        angle = 1000.0 * time.float()[:, None] * torch.exp(-math.log(LONGEST_PERIOD) * exponent)
        return self.mlp(torch.cat((angle.cos(), angle.sin()), dim=-1))
