"""The training run of one network of the study."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from mdmtheory.training import TrainingConfig


def network_training(name: str, width: int, depth: int, steps: int) -> TrainingConfig:
    """A recipe with the network and the number of steps of the study, before seed and device.

    Args:
        name: Training recipe that the rest is taken from (`mdmtheory.training.recipes`).
        width: Hidden size.
        depth: Layers.
        steps: Optimizer steps.

    Raises:
        ValueError: An unknown recipe, or a network that cannot be.
    """
    from mdmtheory.training.recipes import recipe

    return recipe(name, "mdm").changed(
        steps=steps,
        corpus=None,  # fresh sequences
        hidden_size=width,
        num_layers=depth,
        num_heads=max(1, width // 16),
        warmup=0.05,  # of the run, however short
        held_out=0,
        time_limit_seconds=None,
    )
