"""Bits with a parity check: each block of bits has an even sum."""

from __future__ import annotations

import numpy as np

from languages.checks import check_count
from languages.constructions.block_forms import BlockForms
from languages.constructions.mds_code import check_trellis
from languages.constructions.mds_forms import MDSForms
from languages.constructions.trellis import STATE_LIMIT, blocks_from_trellis
from languages.hidden_markov import HMMLanguage


def parity_blocks(block: int, *, name: str | None = None) -> HMMLanguage:
    """Independent blocks of m bits of even sum, uniform on them, as a hidden Markov model with about 4m states.

    All the dependence sits in the last bit revealed: in one block, with π = 1 − Σ_k m·w_k·t_{k−1}^{m−1} the chance that
    it comes together with others, SER = π/2 and path KL = π·ln 2. A length that is no multiple of m ends in free bits.

    Args:
        block: m ≥ 2 bits.
        name: What tables and legends call it.
    """
    size = check_count("block", block, least=2)
    if 4 * (size - 1) > STATE_LIMIT:
        raise ValueError(
            f"block={size} takes {4 * (size - 1)} hidden states, more than {STATE_LIMIT}; take block up to "
            f"{STATE_LIMIT // 4 + 1}"
        )
    return blocks_from_trellis(
        check_trellis(np.ones((1, size), dtype=np.int64), 2),
        2,
        name=name or f"parity:block={size}",
        closed_forms=BlockForms(MDSForms(2, size - 1), size),
    )
