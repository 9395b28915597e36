"""Random languages small enough to enumerate, of every kind, with hard zeros."""

from __future__ import annotations

import numpy as np

from languages import random_hmm, random_ngram
from languages.constructions import block_language


def random_language(seed, length, vocab_size):
    """A chain, a 3-gram, a hidden Markov model, or any law at all on V^L, by the seed."""
    rng = np.random.default_rng(seed)
    kind = seed % 4
    if kind == 0:
        return random_ngram(2, vocab_size, seed=seed, prune_below=0.25)
    if kind == 1:
        return random_ngram(3, vocab_size, seed=seed, prune_below=0.25)
    if kind == 2:
        return random_hmm(2, vocab_size, seed=seed, prune_below=0.25)
    table = rng.dirichlet(np.full(vocab_size**length, 0.3))
    table[rng.random(len(table)) < 0.3] = 0.0
    table[0] += 0.1
    return block_language((table / table.sum()).reshape((vocab_size,) * length))


def random_reveal(seed, steps):
    """(N + 1,) reveal probabilities, a zero among them."""
    rng = np.random.default_rng(seed)
    return np.insert(rng.dirichlet(np.ones(steps)), rng.integers(steps + 1), 0.0)


def random_sizes(seed, length):
    """Three sizes that sum to L, zeros allowed."""
    cuts = np.sort(np.random.default_rng(seed).integers(0, length + 1, size=2))
    return np.diff([0, *cuts, length]).tolist()
