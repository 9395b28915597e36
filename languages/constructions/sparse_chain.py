"""First-order chains of few transitions, without a dense table on the way."""

from __future__ import annotations

import numpy as np
from jaxtyping import Float, Int

from languages.automata.grams import SparseGrams
from languages.budget import check_budget
from languages.closed_forms import ClosedForms
from languages.ngram import NGramLanguage

BYTES = 300.0
"""What a transition takes while its language is built."""


def sparse_chain(
    initial: Float[np.ndarray, " V"],
    following: Int[np.ndarray, "V K"],
    probs: Float[np.ndarray, " K"],
    *,
    name: str,
    closed_forms: ClosedForms,
) -> NGramLanguage:
    """The 2-gram in which each token has the same law of K next tokens, relabelled.

    Args:
        initial: (V,) law of the first token.
        following: (V, K) the different tokens that may follow each.
        probs: (K,) their probabilities, > 0.
        name: What tables and legends call it.
        closed_forms: What is known of it.
    """
    vocab_size = len(initial)
    order = following.argsort(1)
    codes = np.arange(vocab_size)[:, None] * vocab_size + np.take_along_axis(following, order, 1)
    first = np.flatnonzero(initial)
    grams = SparseGrams.from_codes(2, vocab_size, first, initial[first], codes.reshape(-1), probs[order].reshape(-1))
    language = NGramLanguage.from_grams(grams, name=name)
    language.closed_forms = closed_forms
    return language


def check_transitions(argument: str, tokens: int, each: int = 1) -> None:
    """Refuse more transitions than fit in memory.

    Args:
        argument: What the caller calls the number of tokens.
        tokens: V.
        each: How many transitions each token has.

    Raises:
        ValueError: They do not fit.
    """
    check_budget(
        f"a chain of {argument}={tokens}",
        f"take a smaller {argument}, or the closed forms alone, from languages.constructions",
        memory=BYTES * tokens * each,
    )
