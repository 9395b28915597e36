"""Random first-order chains for tests, with the brute-force reference beside each."""

from __future__ import annotations

import numpy as np
from reference.brute_force import BruteNGram

from languages import NGramLanguage

KINDS = ["dense", "zeros", "pruned", "pruned twice", "pruned away", "cycle", "reducible", "independent"]


def random_chain(kind, vocab, rng, *, zeros=0.4):
    """(language, reference) of one kind; starts are random, with hard zeros of their own now and then."""
    initial = with_zeros(rng, (vocab,), zeros if rng.random() < 0.5 else 0.0)
    if kind == "independent":
        language = NGramLanguage(initial).pruned(0.2)
        one = BruteNGram(initial, 1.0)
        return language, one if language.parent is None else BruteNGram(prune(initial[None], 0.2)[0], 1.0, one)
    table = with_zeros(rng, (vocab, vocab), zeros if kind == "zeros" else 0.0)
    if kind == "cycle":  # periodic; now and then with a leak
        table = np.roll(np.eye(vocab), 1, axis=1)
        if rng.random() < 0.5:
            table[0] = with_zeros(rng, (vocab,), 0.5)
    if kind == "reducible":  # the last token is never left, the first never entered
        table[-1] = np.eye(vocab)[-1]
        table[:-1, 0] = 0.0
        table[:-1, -1] += 1e-3
        table /= table.sum(1, keepdims=True)
    if kind == "pruned twice":  # what neither the language nor its parent can join, their own parent can
        table = 0.6 * np.eye(vocab) + 0.35 * np.eye(vocab)[np.minimum(np.arange(vocab) + 1, vocab - 1)] + 0.05 * table
    if kind == "pruned away":  # the last token occurs only where the parent fills in
        table = 0.7 * np.eye(vocab) + 0.3 * table
        table[:-1, -1] *= 0.1
        table[:-1] /= table[:-1].sum(1, keepdims=True)
        initial = np.where(np.arange(vocab) < max(1, vocab - 1), initial + 0.1, 0.0)
        initial /= initial.sum()
    language, reference = NGramLanguage(table, initial), BruteNGram(table, initial)
    for threshold in {"pruned": [0.25], "pruned twice": [0.15, 0.45], "pruned away": [0.3]}.get(kind, []):
        pruned = language.pruned(threshold)
        if pruned is not language:
            language, table = pruned, prune(table, threshold)
            reference = BruteNGram(table, initial, reference)
    return language, reference


def random_case(kind, seed, *, most_tokens=3, most_positions=5):
    """(language, reference, length, weights) from a seed: any chain of a kind, reveal vectors with a zero.

    Sizes come from the seed too, so that few of the cases are the trivial ones a search for simple examples favours.
    """
    rng = np.random.default_rng(seed)
    vocab = 1 if rng.random() < 0.05 else int(rng.integers(2, most_tokens + 1))
    longest = most_positions if vocab < 3 else most_positions - 1
    length = int(rng.integers(1, longest + 1)) if rng.random() < 0.3 else longest
    language, reference = random_chain(kind, vocab, rng)
    weights = rng.dirichlet(np.ones(rng.choice([1, 2, 2, 3, 3, 3])))
    return language, reference, length, np.insert(weights, rng.integers(0, len(weights) + 1), 0.0)


def with_zeros(rng, shape, zeros):
    """Rows of probabilities with hard zeros, at least one entry positive."""
    table = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    drop = rng.random(shape) < zeros
    drop[np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))] = False
    table = np.where(drop, 0.0, table)
    return table / table.sum(-1, keepdims=True)


def prune(table, threshold):
    """Tail pruning by the definition: keep entries at the threshold or above, else the largest; renormalise."""
    kept = np.where(table >= threshold, table, 0.0)
    for row, original in zip(kept, table, strict=True):
        if row.sum() == 0:
            row[original.argmax()] = 1.0
    return kept / kept.sum(-1, keepdims=True)
