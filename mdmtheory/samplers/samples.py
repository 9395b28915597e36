"""What a sampler returns."""

from __future__ import annotations

import dataclasses

import numpy as np
from jaxtyping import Int
from torch import Tensor


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Complete sequences and what they cost.

    Attributes:
        tokens: (B, L) int64, no holes.
        network_calls: (B,) int64, how often each row was sent to the denoiser.
    """

    tokens: Int[Tensor, "B L"]
    network_calls: Int[Tensor, " B"]

    def __array__(self, dtype: np.typing.DTypeLike | None = None, copy: bool | None = None) -> np.ndarray:
        """The tokens: what takes tokens as an array takes samples too."""
        tokens = self.tokens.cpu().numpy()
        return tokens.copy() if copy else tokens.astype(dtype or tokens.dtype, copy=False)

    def __repr__(self) -> str:
        batch, length = self.tokens.shape
        mean = float(self.network_calls.double().mean()) if batch else 0.0
        return f"Samples(batch={batch}, length={length}, mean network_calls={mean:.1f})"


def tokens_of(samples: Int[Tensor, "B L"] | Samples) -> Int[Tensor, "B L"]:
    """The sequences of samples, or the sequences themselves."""
    return samples.tokens if isinstance(samples, Samples) else samples
