"""Independent blocks whose law is given by a table."""

from __future__ import annotations

import numpy as np

from languages.checks import check_distributions
from languages.constructions.block_forms import BlockForms
from languages.constructions.table_forms import TableForms
from languages.constructions.trellis import Section, blocks_from_trellis, proportional_rows
from languages.hidden_markov import HMMLanguage


def block_language(table: object, *, name: str | None = None) -> HMMLanguage:
    """Independent blocks of m tokens, each drawn from a table, as a hidden Markov model.

    The trellis is minimal: prefixes whose futures are proportional, with the same zeros, are one node. A length that is
    no multiple of m ends in the first tokens of a block. Its closed forms hold for any table; the marginal law takes
    3^m terms for each supported word.

    Args:
        table: (V,)·m probabilities of the words, m ≥ 1.
        name: What tables and legends call it.

    Raises:
        ValueError: A table that is no law, axes of different lengths, or too many hidden states.
    """
    law = check_distributions("table", table, axes=None).detach().cpu().numpy()
    vocab_size, size = law.shape[0], law.ndim
    if law.shape != (vocab_size,) * size:
        raise ValueError(f"table must have shape (V,) * m, all axes alike, got {law.shape}")
    sections, futures = [], law.reshape(1, -1)  # law of the rest of the word, given each node
    for position in range(size):
        rows = futures.reshape(len(futures) * vocab_size, -1)
        prob = rows.sum(1)
        alive = np.flatnonzero(prob)
        after = proportional_rows(rows[alive]) if position + 1 < size else np.zeros_like(alive)
        sections.append(Section(alive // vocab_size, alive % vocab_size, after, prob[alive]))
        _, first = np.unique(after, return_index=True)
        futures = rows[alive[first]] / prob[alive[first], None]
    shape = "×".join(map(str, law.shape))
    return blocks_from_trellis(
        sections, vocab_size, name=name or f"blocks:{shape}", closed_forms=BlockForms(TableForms(law), size)
    )
