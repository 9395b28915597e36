"""Rotary positions, half-rotation form."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor, nn


class RotaryTable(nn.Module):
    """Cosines and sines of position times frequency, in float32 whatever the precision of the network.

    Channel c and channel c + D/2 form a pair that position n turns by the angle n·base^(−2c/D), so that the product
    of a turned query and a turned key depends on their distance alone (Su et al., RoFormer, arXiv 2104.09864, eq. 34;
    the pairing of halves is GPT-NeoX's). The table grows on demand and is not part of the weights.
    """

    def __init__(self, head_size: int, base: float) -> None:
        super().__init__()
        self.head_size = head_size
        self.base = base
        self._table: Tensor | None = None

    def forward(self, start: int, stop: int, device: torch.device) -> Float[Tensor, "2 T D"]:
        """Cosines and signed sines of positions start … stop − 1, ready for `rotate`."""
        table = self._table
        if table is None or table.shape[1] < stop or table.device != device:
            # Doubling keeps step-by-step decoding from rebuilding the table at every token.
            length = stop if table is None else max(stop, 2 * table.shape[1])
            # Built outside inference mode: a table made while sampling must still serve a later training step.
            with torch.inference_mode(False), torch.no_grad():
                table = rotary_table(length, self.head_size, self.base, device)
            self._table = table
        return table[:, start:stop]


def rotary_table(
    length: int, head_size: int, base: float, device: torch.device | str = "cpu"
) -> Float[Tensor, "2 L D"]:
    """Compute cosines and signed sines in float64, rounded once to float32."""
    channel = torch.arange(0, head_size, 2, dtype=torch.float64, device=device)
    angle = torch.outer(torch.arange(length, dtype=torch.float64, device=device), base ** (-channel / head_size))
    cos, sin = angle.cos(), angle.sin()
    # The sign of the rotation sits in the table, so that turning is a swap of halves and one multiply-add.
    return torch.stack((torch.cat((cos, cos), -1), torch.cat((-sin, sin), -1))).float()


def rotate(x: Float[Tensor, "*batch T D"], table: Float[Tensor, "2 T D"]) -> Float[Tensor, "*batch T D"]:
    """Turn each channel pair of `x` by its position's angle, in float32, and return the dtype of `x`."""
    cos, sin = table
    turned = x.float()
    return torch.addcmul(turned * cos, turned.roll(x.shape[-1] // 2, -1), sin).to(x.dtype)
