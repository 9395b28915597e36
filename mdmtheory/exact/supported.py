"""Whether a language supports every sequence: then nothing is wrong, whatever the sampler."""

from __future__ import annotations

import numpy as np

from languages import Language
from languages.checks import check_count


def supports_everything(language: Language, length: int) -> bool:
    """Whether every sequence of a length has positive probability, decided by exact zeros.

    The automaton of the support is followed only as far as all its states so far go on with every token.

    Args:
        language: One with an automaton of its support.
        length: L ≥ 1.

    Raises:
        ValueError: The automaton explodes.
        NotImplementedError: A language without one.
    """
    length, vocab_size, support = check_count("length", length), language.vocab_size, language.support()
    depth = 1
    while True:
        edges = support.edges(depth)
        seen = np.zeros(edges.num_states, dtype=bool)
        frontier, level = np.zeros(1, dtype=np.int64), 0
        fan = np.bincount(edges.source, minlength=edges.num_states)
        while len(frontier) and level < depth:
            if (fan[frontier] < vocab_size).any():
                return False
            seen[frontier] = True
            reached = np.zeros_like(seen)
            leaves = np.zeros_like(seen)
            leaves[frontier] = True
            reached[edges.target[leaves[edges.source]]] = True
            frontier, level = np.flatnonzero(reached & ~seen), level + 1
        if depth == length or not len(frontier):
            return True
        depth = min(length, 2 * depth)
