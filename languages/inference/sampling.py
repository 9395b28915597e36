"""Exact draws from sparse rows of probabilities by inverse cumulative distribution."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor


class RowSampler:
    """Draws an entry of a row with its probability; entries of probability zero are not stored, so never drawn.

    Args:
        offsets: (R + 1,) entries of row r are offsets[r] … offsets[r + 1] − 1.
        cdf: (E,) running sum of the probabilities within each row.
    """

    def __init__(self, offsets: Int[Tensor, " R+1"], cdf: Float[Tensor, " E"]) -> None:
        self.offsets, self.cdf = offsets, cdf
        self._halvings = (int((offsets[1:] - offsets[:-1]).max()) - 1).bit_length()

    @classmethod
    def from_dense(cls, table: Float[Tensor, "R C"]) -> tuple[RowSampler, Int[Tensor, " E"]]:
        """The sampler of a dense table's rows, and the column of each stored entry."""
        row, column = table.nonzero().unbind(1)
        offsets = torch.searchsorted(row, torch.arange(len(table) + 1, device=table.device))
        return cls(offsets, table.cumsum(1)[row, column]), column

    def draw(self, rows: Int[Tensor, " B"], uniforms: Float[Tensor, " B"]) -> Int[Tensor, " B"]:
        """Index of the smallest entry of each row whose running sum exceeds uniform · total.

        Args:
            rows: (B,) rows to draw from.
            uniforms: (B,) in [0, 1).
        """
        low, high = self.offsets[rows], self.offsets[rows + 1] - 1
        target = uniforms * self.cdf[high]
        for _ in range(self._halvings):
            middle = (low + high) >> 1
            beyond = self.cdf[middle] <= target
            low = torch.where(beyond, middle + 1, low)
            high = torch.where(beyond, high, middle)
            low = torch.minimum(low, high)
        return low
