"""What a loss calls."""

from __future__ import annotations

from collections.abc import Callable

from torch import Tensor

Network = Callable[..., Tensor]
"""`network(tokens, time=None, at=None)` → (K, V) of the positions picked by `at`; `time` is the noise 1 − α."""
