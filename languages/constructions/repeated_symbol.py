"""One symbol, repeated: a single token tells the whole sequence."""

from __future__ import annotations

import numpy as np

from languages.checks import check_count
from languages.constructions.mds_forms import MDSForms
from languages.constructions.sparse_chain import check_transitions, sparse_chain
from languages.ngram import NGramLanguage


def repeated_symbol(num_symbols: int, *, name: str | None = None) -> NGramLanguage:
    """Sequences (a, a, …, a), a uniform on k symbols, as a 2-gram.

    Only the first round can err: 1 − SER = k·Σ_j [(1 − t_j + w_j/k)^L − (1 − t_j)^L] under Bernoulli reveals.

    Args:
        num_symbols: k ≥ 1, also the vocabulary size.
        name: What tables and legends call it.
    """
    k = check_count("num_symbols", num_symbols)
    check_transitions("num_symbols", k)
    return sparse_chain(
        np.full(k, 1 / k),
        np.arange(k)[:, None],
        np.ones(1),
        name=name or f"repeat:symbols={k}",
        closed_forms=MDSForms(k, 1),
    )
