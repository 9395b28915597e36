"""Embedding of the noise level."""

from __future__ import annotations

import math

import torch
from jaxtyping import Float
from torch import Tensor, nn

from mdmtheory.networks.config import TimeInput

FREQUENCIES = 256
"""Length of the sinusoidal code, half cosines and half sines."""
LONGEST_PERIOD = 10000.0
LEAST_LEVEL = 2.0**-24
"""Fractions are read as at least this far from 0 and 1, where logarithms are infinite."""


class TimeEmbedding(nn.Module):
    """Map the noise fraction in [0, 1] to a conditioning vector.

    The fraction is multiplied by 1000, so that the periods of the code, 2π … 2π·10⁴ as in diffusion models with 1000
    steps (Ho et al., 2006.11239), resolve differences of a thousandth; two linear maps and a SiLU each follow. The
    code is computed in float32 whatever the precision of the network. Instead of the fraction the code may be of the
    total noise −ln α (SEDD, which does not multiply it) or of the log-odds (multiplied by 30).
    """

    def __init__(self, size: int, time_input: TimeInput = "fraction") -> None:
        super().__init__()
        self.time_input = time_input
        self.mlp = nn.Sequential(nn.Linear(FREQUENCIES, size), nn.SiLU(), nn.Linear(size, size), nn.SiLU())

    def forward(self, time: Float[Tensor, " B"]) -> Float[Tensor, "B E"]:
        """Embed one noise fraction per row."""
        half = FREQUENCIES // 2
        exponent = torch.arange(half, dtype=torch.float32, device=time.device) / half
        angle = self._scaled(time)[:, None] * torch.exp(-math.log(LONGEST_PERIOD) * exponent)
        code = torch.cat((angle.cos(), angle.sin()), dim=-1)
        return self.mlp(code.to(next(self.mlp.parameters()).dtype))

    def _scaled(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """What is embedded, in units of the shortest period over 2π."""
        if self.time_input == "fraction":
            return 1000.0 * time.float()
        fraction = time.double().clamp(LEAST_LEVEL, 1 - LEAST_LEVEL)
        if self.time_input == "total-noise":
            return -torch.log1p(-fraction).float()
        return 30.0 * torch.logit(fraction).float()
