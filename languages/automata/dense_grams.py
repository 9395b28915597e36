"""n-grams from the dense tables that users have, and back."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import sparse

from languages.automata.grams import SparseGrams
from languages.automata.stationary import cesaro_limit
from languages.automata.strings import StringTree
from languages.budget import check_budget
from languages.checks import check_distributions


def grams_from_tables(transition: object, initial: object = None) -> SparseGrams:
    """Check dense parameters and list their positive entries.

    Args:
        transition: (V,)·n probabilities, last axis the next token.
        initial: (V,)·(n − 1) law of the first n − 1 tokens; None for the Cesàro limit from the uniform start.

    Raises:
        ValueError: Wrong shapes, negatives, NaN, or rows that do not sum to one.
    """
    table = check_distributions("transition", transition).detach()
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
        start = law.detach().reshape(-1).cpu().numpy().astype(np.float64)
    where: NDArray[np.int64] = np.flatnonzero(start)
    return SparseGrams.from_codes(order, vocab_size, where, start[where], codes, probs)


def transition_table(grams: SparseGrams) -> Float[np.ndarray, "*V"]:
    """(V,)·n probabilities of the next token, zeros after what is no context.

    Raises:
        ValueError: It does not fit in memory.
    """
    table = _zeros("transition", grams.vocab_size, grams.order)
    contexts, tokens = np.divmod(grams.edge_codes, grams.vocab_size)
    table.reshape(-1)[_codes(grams.contexts)[contexts] * grams.vocab_size + tokens] = grams.edge_probs
    return table


def initial_table(grams: SparseGrams) -> Float[np.ndarray, "*V"]:
    """(V,)·(n − 1) law of the first n − 1 tokens; as `transition_table`."""
    table = _zeros("initial", grams.vocab_size, grams.order - 1)
    table.reshape(-1)[_codes(grams.contexts)[grams.initial_contexts]] = grams.initial_probs
    return table


def _zeros(name: str, vocab_size: int, axes: int) -> Float[np.ndarray, "*V"]:
    check_budget(
        f"the dense {name} of shape ({vocab_size},) * {axes}",
        "languages.to_frame lists its positive entries",
        memory=8.0 * vocab_size**axes,
    )
    return np.zeros((vocab_size,) * axes)


def _codes(tree: StringTree) -> NDArray[np.int64]:
    """The base-V code of each string."""
    codes = np.zeros(1, dtype=np.int64)
    for level in tree.levels:
        parents, tokens = np.divmod(level, tree.vocab_size)
        codes = codes[parents] * tree.vocab_size + tokens
    return codes
