"""Networks that have learned nothing yet."""

from __future__ import annotations

import torch

from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.transformer import Transformer


def fresh_network(config: TransformerConfig, seed: int = 0) -> Transformer:
    """Make a network whose initial weights depend on the seed alone; torch's default generator stays where it was.

    Args:
        config: Its shape.
        seed: Seed of the weights.
    """
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return Transformer(config)
