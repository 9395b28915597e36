"""Temperature, top-k and nucleus: how the law that a token is drawn from differs from what the denoiser says."""

from __future__ import annotations

import dataclasses
import sys

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count, check_fraction

TIE = 2.0**-30
"""Log-probabilities are ranked after rounding to multiples of this, so that ties do not hang on their last bit."""


@dataclasses.dataclass(frozen=True)
class Decoding:
    """Changes of the denoiser's laws before tokens are drawn, in this order; by default none.

    A biased sampler by design: with any of them on, no number of steps gives the law of the denoiser. Policies rank
    positions by what the denoiser says; only the draw changes.

    Attributes:
        temperature: p^(1/temperature), normalised. 0 is greedy: the most likely token, the smallest id among ties.
        top_k: Keep the k most likely tokens; None for all.
        top_p: Nucleus: keep the fewest most likely tokens whose probabilities sum to at least this (1904.09751).

    Raises:
        ValueError: A negative temperature, k below one, or top_p outside (0, 1].
    """

    temperature: float = 1.0
    top_k: int | None = None
    top_p: float = 1.0

    def __post_init__(self) -> None:
        checked = {
            "temperature": check_fraction("temperature", self.temperature, high=sys.float_info.max),
            "top_k": None if self.top_k is None else check_count("top_k", self.top_k),
            "top_p": check_fraction("top_p", self.top_p, low=sys.float_info.min),
        }
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    @property
    def changes_nothing(self) -> bool:
        """Whether laws stay as they are."""
        return self.temperature == 1 and self.top_k is None and self.top_p == 1

    def __call__(self, log_probs: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows V"]:
        """Changed log-laws, normalised in float64; the input itself where nothing changes."""
        if self.changes_nothing:
            return log_probs
        logs = log_probs.double().log_softmax(-1)
        if self.temperature not in (0, 1):
            # From the most likely token down, so that a small temperature leaves it at 0 and sends others to −∞.
            logs = ((logs - logs.amax(-1, keepdim=True)) / self.temperature).log_softmax(-1)
        order = ((logs / TIE).round() * TIE).argsort(dim=-1, descending=True, stable=True)
        ranked = logs.gather(-1, order).exp()
        keep = torch.ones_like(ranked, dtype=torch.bool)
        largest = 1 if self.temperature == 0 else self.top_k
        if largest is not None:
            keep[..., largest:] = False
        if self.top_p < 1:
            ranked = ranked * keep
            before = ranked.cumsum(-1) - ranked
            keep &= before < self.top_p * ranked.sum(-1, keepdim=True) * (1 - 1e-12)
        kept = torch.zeros_like(keep).scatter_(-1, order, keep)
        return logs.masked_fill(~kept, -torch.inf).log_softmax(-1)


PLAIN = Decoding()
"""Tokens are drawn from what the denoiser says."""
GREEDY = Decoding(temperature=0.0)
"""The most likely token."""
