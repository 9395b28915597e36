"""Exponential moving average of the weights, by name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn


class ExponentialMovingAverage:
    """Average of the weights over the last steps, with a decay that warms up.

    After update n = 1, 2, … the average is a_n = d_n a_{n−1} + (1 − d_n) θ_n with d_n = min(decay, n/(n + 9)), and a_0
    is the initial weights. So a short run is not biased towards where it began (the share of a_0 after n updates is
    below 9!/n⁹), and a long one reaches the full window of 1/(1 − decay) steps.

    Attributes:
        decay: The largest decay.
        updates: n.
        average: The averaged weights by parameter name.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        self.decay = decay
        self.updates = 0
        self.average: dict[str, Tensor] = {
            name: parameter.detach().clone() for name, parameter in model.named_parameters()
        }
        # Parallel lists, made once: building them at every step would cost more than a small network's arithmetic.
        self._averages = list(self.average.values())
        self._weights = [parameter.detach() for parameter in model.parameters()]
        self._parameters = list(model.parameters())

    @torch.no_grad()
    def update(self) -> None:
        """Take the current weights into the average."""
        self.updates += 1
        decay = min(self.decay, self.updates / (self.updates + 9))
        torch._foreach_lerp_(self._averages, self._weights, 1 - decay)

    @torch.no_grad()
    def take(self, model: nn.Module, updates: int) -> None:
        """Set the average to the weights `model` has now, as if after `updates` updates."""
        for average, parameter in zip(self._averages, model.parameters(), strict=True):
            average.copy_(parameter)
        self.updates = updates

    @contextmanager
    def swapped_in(self) -> Iterator[None]:
        """Within the block the model has the averaged weights; then it has its own again, bit for bit."""
        self._swap()
        try:
            yield
        finally:
            self._swap()

    @torch.no_grad()
    def _swap(self) -> None:
        for average, parameter in zip(self._averages, self._parameters, strict=True):
            held = parameter.detach().clone()
            parameter.copy_(average)
            average.copy_(held)
