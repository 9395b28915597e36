"""n-grams from the dense tables that users have."""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from languages.automata.grams import SparseGrams
from languages.automata.stationary import cesaro_limit
from languages.checks import check_distributions


def grams_from_tables(transition: object, initial: object = None) -> SparseGrams:
    """Check dense parameters and list their positive entries.

    Args:
        transition: (V,)·n probabilities, last axis the next token.
        initial: (V,)·(n − 1) law of the first n − 1 tokens; None for the Cesàro limit from the uniform start.

    Raises:
        ValueError: Wrong shapes, negatives, NaN, or rows that do not sum to one.
    """
    table = check_distributions("transition", transition)
    vocab_size, order = table.shape[-1], table.dim()
    if table.shape != (vocab_size,) * order:
        raise ValueError(f"transition must have shape (V,) * n, all axes alike, got {tuple(table.shape)}")
    table = table.reshape(-1, vocab_size).cpu()
    codes = table.reshape(-1).nonzero()[:, 0].numpy()
    probs = table.reshape(-1)[codes].numpy()
    contexts = vocab_size ** (order - 1)
    if initial is None:
        target = codes % contexts
        chain = sparse.csr_matrix((probs, (codes // vocab_size, target)), shape=(contexts, contexts))
        start = cesaro_limit(chain, np.full(contexts, 1 / contexts))
    else:
        # A 1-gram has no first n − 1 tokens: the law of none is the number one.
        law = check_distributions("initial", initial, axes=order - 1) if order > 1 else torch.ones(())
        if law.shape != (vocab_size,) * (order - 1):
            raise ValueError(
                f"initial must have shape (V,) * (n - 1) = {(vocab_size,) * (order - 1)} for a transition of shape "
                f"(V,) * n, got {tuple(law.shape)}"
            )
        start = law.reshape(-1).cpu().numpy().astype(np.float64)
    where: NDArray[np.int64] = np.flatnonzero(start)
    return SparseGrams.from_codes(order, vocab_size, where, start[where], codes, probs)
