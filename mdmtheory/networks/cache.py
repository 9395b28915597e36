"""Static key–value cache for decoding token by token."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count
from mdmtheory.networks.config import TransformerConfig


class KeyValueCache:
    """Keys and values of the positions seen so far, in one buffer per kind that is allocated once.

    Attributes:
        batch: Number of rows B.
        length: Positions there is room for.
        filled: Positions every layer has stored; the next token's position.
    """

    def __init__(self, config: TransformerConfig, batch: int, length: int) -> None:
        """Reserve room; the buffers are made at the first store, with the dtype and device of what is stored.

        Args:
            config: The network's config; it must be causal.
            batch: B.
            length: Longest sequence.

        Raises:
            ValueError: A bidirectional network, whose keys change with every revealed token.
        """
        if not config.causal:
            raise ValueError("config.causal must be True: a bidirectional network has no reusable keys and values")
        self._shape = (config.num_layers, 2, check_count("batch", batch, least=0), config.num_heads,
                       check_count("length", length), config.head_size)  # fmt: skip
        self._buffer: Tensor | None = None
        self.filled = 0

    @property
    def batch(self) -> int:
        """Number of rows."""
        return self._shape[2]

    @property
    def length(self) -> int:
        """Positions there is room for."""
        return self._shape[4]

    def check_room(self, batch: int, length: int) -> None:
        """Raise a ValueError unless `length` more tokens of `batch` rows fit."""
        if batch != self.batch:
            raise ValueError(f"tokens must have the {self.batch} rows the cache was made for, got {batch}")
        if self.filled + length > self.length:
            raise ValueError(
                f"the cache has room for {self.length} positions and holds {self.filled}; {length} more do not fit"
            )

    def store(
        self, layer: int, keys: Float[Tensor, "B H T D"], values: Float[Tensor, "B H T D"]
    ) -> tuple[Float[Tensor, "B H S D"], Float[Tensor, "B H S D"]]:
        """Write the new positions of one layer and return all keys and values up to them, S = filled + T."""
        if self._buffer is None:
            self._buffer = torch.empty(self._shape, dtype=keys.dtype, device=keys.device)
        stop = self.filled + keys.shape[2]
        room = self._buffer[layer]
        room[0, :, :, self.filled : stop] = keys
        room[1, :, :, self.filled : stop] = values
        return room[0, :, :, :stop], room[1, :, :, :stop]

    def advance(self, length: int) -> None:
        """Count `length` positions as stored, after the last layer."""
        self.filled += length
