"""Noise levels beside tokens: one number, one per row, or one per token."""

from __future__ import annotations

import torch
from torch import Tensor

Level = float | Tensor
"""A probability: a number, or a tensor whose axes are the leading axes of the tokens, so (B,) is one per row."""


def levels(name: str, value: Level, like: Tensor | None) -> Tensor:
    """Return `value` as float64 probabilities, aligned with the leading axes of `like`, else raise a ValueError."""
    found = torch.as_tensor(value, dtype=torch.float64, device=None if like is None else like.device)
    if not bool(((found >= 0) & (found <= 1)).all()):
        raise ValueError(f"{name} must lie in [0, 1], got {value!r}")
    return found if like is None else aligned(found, like)


def aligned(values: Tensor, like: Tensor) -> Tensor:
    """Append axes of size one until `values` broadcasts along the leading axes of `like`."""
    return values.reshape(values.shape + (1,) * (like.dim() - values.dim()))


def check_noisy(what: str, level: Tensor) -> None:
    """Raise a ValueError at α = 1."""
    if bool((level >= 1).any()):
        raise ValueError(f"alpha must be below 1: at time 0 the clean law does not determine {what}")
