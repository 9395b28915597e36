"""Exact errors of block-parallel left-to-right sampling on first-order chains: SER and KL."""

from __future__ import annotations

import torch

from languages import Language
from languages.checks import check_count
from languages.entropy import row_entropies
from mdmtheory.exact.markov.gaps import check_chain


def left_to_right_blocks(language: Language, length: int, size: int) -> float:
    """Exact SER of revealing the sequence from left to right, `size` tokens at once, with the exact denoiser.

    Inside a block the j-th token is drawn from Pʲ(y, ·), y the last token before the block, independently of the
    others. So M(y, z), the weight of blocks that started from y, have reached z and are still inside the support,
    follows M ← (M · 1[P > 0]) ∘ Pʲ (docs/theory.md §3, [D]). With size 1 the sampler is exact: SER = 0. Cost O(L·V³).

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        size: How many positions share a round, at least one; the last round takes what is left.

    Raises:
        ValueError: Another kind of language, or sizes that are no counts.
    """
    length, size = check_count("length", length), check_count("size", size)
    chain = check_chain(language, "draw samples along plans.blocks(size, …) and use estimate_sequence_error_rate")
    start, transition = chain.first_order()
    if size == 1:
        return 0.0
    follows = (transition > 0).to(torch.float64)
    powers = [torch.cat([transition, start[None]])]  # the last row is the start of the sequence
    for _ in range(1, min(size, length)):
        powers.append(powers[-1] @ transition)
    mass = torch.zeros(len(start) + 1, dtype=torch.float64, device=start.device)
    mass[-1] = 1.0
    for begin in range(0, length, size):
        inside = mass[:, None] * powers[0]
        for j in range(1, min(size, length - begin)):
            inside = (inside @ follows) * powers[j]
        mass[:-1], mass[-1] = inside.sum(0), 0.0
    return float((1 - mass.sum()).clamp(0.0, 1.0))


def left_to_right_kl(language: Language, length: int, size: int) -> float:
    """Exact KL(q ‖ p), nats for the whole sequence, of the same sampler; path and marginal law are one here.

    The order is fixed, so the KL is the expected total correlation of the blocks given the token before (Wen, Liang and
    Lu 2608.25505): Σ over the tokens of a block of H(X_i | last token before it) − H(X_i | X_{i−1}). Cost O(L·V³).

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        size: How many positions share a round, at least one; the last round takes what is left.

    Raises:
        ValueError: Another kind of language, or sizes that are no counts.
    """
    length, size = check_count("length", length), check_count("size", size)
    chain = check_chain(language, "mdmtheory.exact.enumeration.path_kl serves any language where V^L is small")
    start, transition = chain.first_order()
    known = row_entropies(transition)
    mass, first, kl = torch.ones_like(start[:1]), start[None], 0.0  # law of the token before a block; there is none yet
    for begin in range(0, length, size):
        ahead = first  # law of the next token of the block, given the token before the block
        for _ in range(1, min(size, length - begin)):
            later = ahead @ transition
            kl += float(mass @ row_entropies(later)) - float(mass @ ahead @ known)
            ahead = later
        mass, first = mass @ ahead, transition
    return max(0.0, kl)
