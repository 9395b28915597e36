"""What a sampler may ask of a denoiser, be it the exact oracle or a network of a billion parameters."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


@runtime_checkable
class Denoiser(Protocol):
    """Maps sequences with holes to log-probabilities of the tokens at their positions.

    What else it may say of itself, with what is taken for granted if it does not: `mdmtheory.denoisers.traits.Traits`.
    """

    @property
    def vocab_size(self) -> int:
        """V, the number of real tokens."""
        ...

    @property
    def mask_id(self) -> int:
        """The id that marks a hole, equal to `vocab_size`."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it wants its inputs and leaves its outputs."""
        ...

    def __call__(
        self,
        tokens: Int[Tensor, "B L"],
        time: Float[Tensor, " B"] | None = None,
        at: Bool[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "*positions V"]:
        """Log-probabilities (nats) of the V real tokens at the positions asked for.

        They are read through `mdmtheory.denoisers.ask.ask` alone, which normalises: raw logits will do.

        Args:
            tokens: (B, L) int64 with holes equal to `mask_id`.
            time: (B,) noise fraction 1 − α in [0, 1], 1 when all is hidden, whatever the schedule. A denoiser
                conditioned on something else converts it; one that is free of time ignores it.
            at: (B, L) bool, the positions wanted.

        Returns:
            (K, V), the K positions picked by `at` in row-major order; (B, L, V) without `at`. A revealed position
            gives the one-hot law of its token (0 and −inf). Any float dtype: samplers draw in float64.
        """
        ...
