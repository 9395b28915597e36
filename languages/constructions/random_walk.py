"""A random walk of independent increments on a circle."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from languages.checks import check_count, check_distributions
from languages.constructions.sparse_chain import check_transitions, sparse_chain
from languages.constructions.walk_forms import WalkForms
from languages.ngram import NGramLanguage

FAIR: Mapping[int, float] = {-1: 0.5, 1: 0.5}


def random_walk(
    num_values: int,
    *,
    increments: Mapping[int, float] = FAIR,
    start: int | None = None,
    name: str | None = None,
) -> NGramLanguage:
    """The running values X_i = X_{i−1} + ξ_i mod m of independent increments, as a 2-gram.

    The hard case for left-to-right blocks: values far apart tell about each other, so R rounds of blocks cost
    (L/2)·log₂(L/R) − O(L) bits (`closed_forms.block_kl`).

    The circle is exact, not an approximation: from a given start and with m > L·(largest − smallest increment), the
    values that one position can take on the integers stay apart on the circle, so that this is the walk on the
    integers, relabelled at each position.

    Args:
        num_values: m ≥ 1, also the vocabulary size.
        increments: Probability of each increment, whole numbers, taken modulo m; default ±1 with probability ½ each.
        start: X_0 in 0 … m − 1, not part of the sequence; None makes X_1 uniform, and the walk stationary.
        name: What tables and legends call it.
    """
    m = check_count("num_values", num_values)
    if not isinstance(increments, Mapping) or not increments:
        raise ValueError(f"increments must map whole numbers to probabilities, got {increments!r}")
    if not all(isinstance(step, int) for step in increments):
        raise ValueError(f"increments must map whole numbers to probabilities, got {dict(increments)}")
    check_transitions("num_values", m, min(m, len(increments)))
    law = np.zeros(m)
    probs = check_distributions("increments", list(increments.values())).tolist()
    for step, prob in zip(increments, probs, strict=True):
        law[step % m] += prob
    first = np.full(m, 1 / m)
    if start is not None:
        start = check_count("start", start, least=0)
        if start >= m:
            raise ValueError(f"start must be one of the values 0 … {m - 1}, got {start}; start={start % m} is the same")
        first = np.roll(law, start)
    steps = np.flatnonzero(law)
    return sparse_chain(
        first,
        (np.arange(m)[:, None] + steps) % m,
        law[steps],
        name=name or f"walk:values={m}",
        closed_forms=WalkForms(tuple(law.tolist()), start is None),
    )
