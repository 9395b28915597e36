"""What a network looks like to samplers, whatever is asked of it."""

from __future__ import annotations

from typing import Self

import torch
from torch import nn

from mdmtheory.networks.transformer import Transformer


def check_network(network: object) -> None:
    """Raise a ValueError that says what would be right unless this is a network."""
    if not isinstance(network, nn.Module) or not hasattr(network, "config"):
        raise ValueError(
            "network must be a Transformer, such as load_network or train(…).network give; "
            f"got {type(network).__name__}. Oracle(language) denoises a language without one"
        )


class WrappedNetwork:
    """A trained network in evaluation mode, its tokens and its device.

    Attributes:
        network: The network.
    """

    def __init__(self, network: Transformer) -> None:
        """Put a network in evaluation mode."""
        self.network = network.eval()

    @property
    def vocab_size(self) -> int:
        """V."""
        return self.network.config.vocab_size

    @property
    def mask_id(self) -> int:
        """V, the id that marks a hole; no complete sequence holds it."""
        return self.network.config.mask_id

    @property
    def device(self) -> torch.device:
        """Where the weights live."""
        return self.network.embedding.weight.device

    def to(self, device: torch.device | str) -> Self:
        """Move the network to `device` and return this."""
        self.network.to(device)
        return self
