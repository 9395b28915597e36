"""Curves of any language by enumeration: the probability of every partial sequence, for small supports."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from scipy import special

from languages.checks import check_count
from languages.language import Language

CELL_LIMIT = 1 << 22
"""Most partial sequences that are enumerated."""
LOOKUP_LIMIT = 1 << 26
"""Most triples (partial sequence, pair of positions, token) that are looked up for a conflict curve."""


def partial_sequences(language: Language, length: int) -> tuple[Int[np.ndarray, " C"], Float[np.ndarray, " C"]]:
    """Every partial sequence of positive probability and that probability.

    Args:
        language: Any language.
        length: L ≥ 1.

    Returns:
        (C,) sorted codes, the L tokens as digits in base V + 1 with V for a hole, the first position leading; and
        (C,) probabilities.

    Raises:
        ValueError: There may be more than `CELL_LIMIT` of them.
    """
    length, base = check_count("length", length), language.vocab_size + 1
    sequences = _supported(language, length)
    power = base ** np.arange(length)[::-1]
    codes = sequences @ power
    probs = language.log_prob(torch.as_tensor(sequences, device=language.device)).exp().cpu().numpy()
    for place in power:
        digit = codes // place % base
        holes, index = np.unique(codes + (base - 1 - digit) * place, return_inverse=True)
        codes = np.concatenate([codes, holes])
        probs = np.concatenate([probs, np.bincount(index, probs)])
    order = np.argsort(codes)
    return codes[order], probs[order]


def enumerated_information(language: Language, length: int) -> Float[np.ndarray, " L"]:
    """(L,) information curve Z_j = H_1 + H_{j−1} − H_j, nats, with H_j the mean entropy of j positions."""
    codes, probs = partial_sequences(language, length)
    revealed = np.zeros(len(codes), dtype=np.int64)
    rest, base = codes.copy(), language.vocab_size + 1
    for _ in range(length):
        revealed += rest % base < base - 1
        rest //= base
    totals = np.bincount(revealed, -special.xlogy(probs, probs), minlength=length + 1)
    mean = totals / [math.comb(length, size) for size in range(length + 1)]
    mean[0] = 0.0
    return np.maximum.accumulate(mean[1] + mean[:-1] - mean[1:]).clip(min=0.0)


def enumerated_conflicts(language: Language, length: int) -> Float[np.ndarray, " L-1"]:
    """(L − 1,) expected conflicts γ_s with s of the other positions revealed; see `languages.information.conflict`.

    Raises:
        ValueError: Too many partial sequences.
    """
    codes, probs = partial_sequences(language, length)
    vocab_size, base = language.vocab_size, language.vocab_size + 1
    if len(codes) * vocab_size * length**2 // 2 > LOOKUP_LIMIT:
        raise ValueError(
            f"length={length}: {len(codes)} partial sequences are too many for an enumerated conflict curve; "
            "estimate_conflict_curve gives one with intervals"
        )
    power = base ** np.arange(length)[::-1]
    digits = codes[:, None] // power % base
    revealed = (digits < vocab_size).sum(1)
    totals = np.zeros(max(0, length - 1))
    for j in range(length):
        for i in range(j):
            # Partial sequences with i revealed and j hidden, and every token for j beside.
            one = np.flatnonzero((digits[:, i] < vocab_size) & (digits[:, j] == vocab_size))
            both = codes[one, None] - power[j] * (vocab_size - np.arange(vocab_size))
            other = both + power[i] * (vocab_size - digits[one, i])[:, None]
            neither = codes[one] + power[i] * (vocab_size - digits[one, i])
            alone, _ = _lookup(codes, probs, other)
            _, possible = _lookup(codes, probs, both)
            clash = np.where(possible, 0.0, alone).sum(1)
            context, _ = _lookup(codes, probs, neither)
            # A context below the range of floats adds less than rounding.
            weight = np.divide(probs[one] * clash, context, out=np.zeros(len(one)), where=context > 0)
            totals += np.bincount(revealed[one] - 1, weight, minlength=length - 1)
    return totals / [math.comb(length - 2, size) for size in range(length - 1)] if length > 1 else totals


def _supported(language: Language, length: int) -> Int[np.ndarray, "N L"]:
    """Every sequence of positive probability, grown token by token."""
    most, vocab_size = _most_sequences(language, length), language.vocab_size
    rows = torch.full((1, length), language.mask_id, device=language.device)
    for position in range(length):
        rows = rows.repeat_interleave(vocab_size, 0)
        rows[:, position] = torch.arange(vocab_size, device=rows.device).repeat(len(rows) // vocab_size)
        rows = rows[~language.log_marginal(rows).isneginf()]
        if len(rows) > most:
            raise ValueError(
                f"length={length}: {language.name} has too many sequences to enumerate (more than {most}); use an "
                "estimate (estimate_information_curve, estimate_conflict_curve)"
            )
    return rows.cpu().numpy()


def _most_sequences(language: Language, length: int) -> int:
    """How many sequences may be supported so that there are at most `CELL_LIMIT` partial ones."""
    sizes = range(length + 1)
    if 2**length > CELL_LIMIT or (language.vocab_size + 1) ** length >= 2**62:
        return 0
    low, high = 0, language.vocab_size**length
    while low < high:
        middle = (low + high + 1) // 2
        cells = sum(math.comb(length, size) * min(middle, language.vocab_size**size) for size in sizes)
        low, high = (middle, high) if cells <= CELL_LIMIT else (low, middle - 1)
    return low


def _lookup(
    codes: Int[np.ndarray, " C"], probs: Float[np.ndarray, " C"], wanted: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Probability of each wanted code, zero where it is absent, and whether it is there: probabilities underflow."""
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    there = codes[place] == wanted
    return np.where(there, probs[place], 0.0), there
