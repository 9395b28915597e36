"""Independent pairs (a, a): the constructive linear lower bound on steps."""

from __future__ import annotations

import torch

from languages.checks import check_count
from languages.constructions.block_forms import BlockForms
from languages.constructions.mds_forms import MDSForms
from languages.hidden_markov import HMMLanguage, check_hidden_tables


def copy_pairs(num_symbols: int, *, name: str | None = None) -> HMMLanguage:
    """Independent pairs (a, a), a uniform on k symbols, as a hidden Markov model with 2k states.

    The constructive linear lower bound on SER: under every Bernoulli schedule of reveal probabilities w,
    SER = 1 − (1 − (1 − 1/k) Σ_k w_k²)^{L/2} and path KL = (L/2)·ln k·Σ_k w_k². An odd length ends in a lone symbol.

    Args:
        num_symbols: k ≥ 1, also the vocabulary size.
        name: What tables and legends call it.
    """
    k = check_count("num_symbols", num_symbols)
    check_hidden_tables(
        f"copy_pairs of num_symbols={k}",
        f"take fewer, or its numbers alone: languages.constructions.BlockForms(MDSForms({k}, 1), 2)",
        2 * k,
        k,
    )
    first, second = slice(0, k), slice(k, 2 * k)
    initial = torch.zeros(2 * k, dtype=torch.float64)
    initial[first] = 1 / k
    transition = torch.zeros(2 * k, 2 * k, dtype=torch.float64)
    transition[first, second] = torch.eye(k, dtype=torch.float64)
    transition[second, first] = 1 / k
    emission = torch.eye(k, dtype=torch.float64).repeat(2, 1)
    return HMMLanguage(
        initial,
        transition,
        emission,
        name=name or f"copy-pairs:symbols={k}",
        closed_forms=BlockForms(MDSForms(k, 1), 2),
    )
