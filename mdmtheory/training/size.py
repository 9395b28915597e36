"""What a run holds in memory at least, asked for before it is taken."""

from __future__ import annotations

import torch

from languages.budget import check_memory, free_bytes
from languages.language import Language
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.training.config import TrainingConfig

TOKEN_BYTES = 8
"""Of a token in a batch."""
HELD_WIDTHS = 8
"""Activations of a block that its backward pass needs, in widths of the network: queries, keys, values and the MLP's
hidden layer at least."""
NUMBER_BYTES = 2
"""Of a number in the smallest precision; in float32 it is twice that."""


def check_data(config: TrainingConfig, language: Language, length: int) -> None:
    """Refuse a corpus, or held-out sequences, that do not fit in memory.

    Raises:
        ValueError: They do not; the message has the sizes and what would fit.
    """
    name, count = "held_out", config.held_out
    if config.corpus is not None:
        name, count = "corpus.num_sequences", config.corpus.num_sequences
    row = length * (1 if language.vocab_size <= 256 else 2 if language.vocab_size <= 32768 else 4)
    fits = free_bytes("cpu") // row
    check_memory(count * row, "cpu", f"{name}={count} of length {length}", f"{name}={fits} would fit")


def check_step(
    config: TrainingConfig, shape: TransformerConfig, length: int, device: torch.device | str, world: int
) -> None:
    """Refuse a batch that does not fit in the memory of a device, counting no more than is held for certain.

    Args:
        config: The run.
        shape: The network.
        length: L.
        device: Where each process computes.
        world: Processes.

    Raises:
        ValueError: It does not; the message has the sizes and what would fit.
    """
    per_row = length * (TOKEN_BYTES + NUMBER_BYTES * HELD_WIDTHS * shape.hidden_size * shape.num_layers)
    rows = -(-config.batch_size // world)
    fits = int(free_bytes(device) // per_row) * world
    instead = f"batch_size={fits} may fit, or a shorter length, a smaller network, more devices"
    check_memory(rows * per_row, device, f"a step of batch_size={config.batch_size} and length {length}", instead)
