"""Named sizes, from one that trains in a minute on a laptop to a billion parameters."""

from __future__ import annotations

import dataclasses
from types import MappingProxyType
from typing import Any

from mdmtheory.networks.config import TransformerConfig


@dataclasses.dataclass(frozen=True)
class Size:
    """Width, depth and heads of a transformer."""

    hidden_size: int
    num_layers: int
    num_heads: int


SIZES = MappingProxyType(
    {
        "nano": Size(32, 2, 2),  # 25 k parameters: tests
        "tiny": Size(64, 2, 4),  # 0.1 M
        "mini": Size(128, 4, 4),  # 0.8 M
        "base": Size(256, 8, 8),  # 6.3 M: the synthetic study on a GPU
        "small": Size(768, 12, 12),  # 85 M, GPT-2 small and SEDD small
        "medium": Size(1024, 24, 16),  # 302 M, GPT-2 medium and SEDD medium
        "1b": Size(2048, 20, 16),  # 1.0 G
    }
)
"""Sizes by name. Parameters of the blocks, without embedding, output head and time conditioning: 12·layers·hidden²."""


def transformer_config(size: str, vocab_size: int, **options: Any) -> TransformerConfig:
    """Return the config of a named size.

    Args:
        size: A key of `SIZES`.
        vocab_size: V.
        **options: Any other field of `TransformerConfig`; width, depth and heads given here win over the size's.

    Raises:
        ValueError: An unknown size, or options that do not fit.
    """
    if size not in SIZES:
        raise ValueError(f"size must be one of {', '.join(SIZES)}; got {size!r}")
    return TransformerConfig(**{"vocab_size": vocab_size, **dataclasses.asdict(SIZES[size]), **options})
