"""A cycle with a random phase, such as 3 4 5 0 1 2 3 over six symbols."""

from __future__ import annotations

import numpy as np

from languages.checks import check_count
from languages.constructions.mds_forms import MDSForms
from languages.constructions.sparse_chain import check_transitions, sparse_chain
from languages.ngram import NGramLanguage


def deterministic_cycle(num_symbols: int, *, name: str | None = None) -> NGramLanguage:
    """Sequences x_{i+1} = x_i + 1 mod k with a uniform phase, as a 2-gram of period k.

    Every token tells the phase, so each position is a relabelled copy of the first: all laws are those of
    `repeated_symbol`. Its chain is periodic, hence outside the theorems that ask for mixing.

    Args:
        num_symbols: k ≥ 1, the period and the vocabulary size.
        name: What tables and legends call it.
    """
    k = check_count("num_symbols", num_symbols)
    check_transitions("num_symbols", k)
    return sparse_chain(
        np.full(k, 1 / k),
        (np.arange(k)[:, None] + 1) % k,
        np.ones(1),
        name=name or f"cycle:symbols={k}",
        closed_forms=MDSForms(k, 1),
    )
