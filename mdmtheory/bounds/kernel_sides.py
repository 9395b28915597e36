"""Sides that entries about kernels share: laws of noisy sequences, and nothing as a side."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages import Estimate, Language
from languages.checks import check_count
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import affordable
from mdmtheory.diffusion.processes import Absorbing, Process
from mdmtheory.exact import enumeration

ROUNDING = 1e-12
"""Largest difference of two probabilities that are the same."""


def noisy_law(
    language: Language, states: Int[Tensor, "S L"], alpha: float, process: Process | None = None
) -> Float[Tensor, " S"]:
    """q(x_t) of every noisy sequence; absorbing noise unless said otherwise."""
    used = process or Absorbing(language.vocab_size)
    words = enumeration.sequences(language.vocab_size, states.shape[1])
    passed = used.marginal(words, alpha)
    law = torch.zeros(len(states), dtype=torch.float64)
    for chance, row in zip(language.log_prob(words).exp().tolist(), passed, strict=True):
        law += chance * row.gather(1, states.T).prod(0)
    return law


def require_enumerable(entry: Entry, language: Language, length: int) -> None:
    """Refuse a language whose pairs of noisy sequences cannot be enumerated.

    Raises:
        ValueError: It has one token, or too many sequences.
    """
    entry.require(language.vocab_size >= 2, "one token has no noise")
    squared = (language.vocab_size + 1) ** (2 * check_count("length", length))
    fits = affordable(language, length) and squared <= enumeration.MOST_WORK
    entry.require(fits, f"V={language.vocab_size}, L={length} is too large to enumerate")


def nothing() -> Estimate:
    """A probability of zero, as a side."""
    return Estimate.exact(0.0, unit="probability")
