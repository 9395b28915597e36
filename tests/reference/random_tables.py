"""Random languages with hard zeros, as dense parameters and as the table of their law."""

from __future__ import annotations

import numpy as np
import torch
from reference.brute_force import sequences

from languages import HMMLanguage, NGramLanguage


def rows_with_zeros(rng, shape, zeros, concentration=1.0) -> np.ndarray:
    """Distributions on the last axis, each entry zero with probability `zeros`, at least one positive."""
    table = rng.dirichlet(np.full(shape[-1], concentration), size=shape[:-1])
    drop = rng.random(table.shape) < zeros
    drop[np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))] = False
    table = np.where(drop, 0.0, table) + 1e-3 * ~drop
    return table / table.sum(-1, keepdims=True)


def random_chain(seed, order, vocab, zeros) -> NGramLanguage:
    """An n-gram with any start."""
    rng = np.random.default_rng(seed)
    initial = rows_with_zeros(rng, (vocab ** (order - 1),), zeros).reshape((vocab,) * (order - 1))
    return NGramLanguage(rows_with_zeros(rng, (vocab,) * order, zeros), initial)


def random_hidden(seed, states, vocab, zeros) -> HMMLanguage:
    rng = np.random.default_rng(seed)
    return HMMLanguage(
        *(rows_with_zeros(rng, shape, zeros) for shape in [(states,), (states, states), (states, vocab)])
    )


def law(language, length) -> np.ndarray:
    """(V,)·L probabilities."""
    rows = torch.as_tensor(sequences(language.vocab_size, length))
    return language.log_prob(rows).exp().numpy().reshape((language.vocab_size,) * length)
