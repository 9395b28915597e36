"""Wen, Liang, Lu 2608.25505: what blocks from left to right cost on a walk."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from languages import Estimate, NGramLanguage
from languages.checks import check_count
from languages.constructions import random_walk
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.verdict import Verdict


class WenScan(Entry):
    """From left to right, few rounds are dear: on a walk each block pays for all it cannot see."""

    id = "wen-scan"
    statement = "left-to-right blocks on a random walk, R rounds: KL >= (L/2) log2(L/R) - 1.3 L bits"
    citation = "Wen, Liang, Lu 2608.25505"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "the walk with fair increments of one up or down"

    caveats = (
        "the walk needs no more than 0.674 L instead of 1.3 L, its limit for one long block: a constant in between "
        "is untested",
    )

    def check(self, length: int, size: int) -> Verdict:
        """Exact KL of blocks from powers of the walk's transition, and from its closed form.

        Args:
            length: L.
            size: Positions a round, so that R = ⌈L/size⌉.
        """
        length, size = check_count("length", length), check_count("size", size)
        walk = random_walk(2 * length + 1, start=0)
        rounds = -(-length // size)
        cost = _block_kl(walk, length, size) / math.log(2)
        bound = length / 2 * math.log2(length / rounds) - 1.3 * length
        left = Estimate.exact(cost, law="marginal", unit="bits")
        forms: Any = walk.closed_forms
        closed = Estimate.exact(forms.block_kl(length, size) / math.log(2), law="marginal", unit="bits")
        parts = (
            Comparison("KL(q||p)", left, ">=", claimed(bound, law="marginal", unit="bits")),
            Comparison("KL(q||p), closed form", left, "==", closed),
        )
        notes = [f"{max(0.0, length / 2 * math.log2(length / rounds) - cost) / length:.4g} L instead of 1.3 L would do"]
        return self.verdict(f"fair walk, L={length}, R={rounds} blocks of {size}", *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for length, size in ((64, 1), (64, 8), (64, 64), (100, 33)):
            yield {"length": length, "size": size}


def _block_kl(language: NGramLanguage, length: int, size: int) -> float:
    """KL (nats) of left-to-right blocks on a first-order chain: Σ_blocks [Σ_j H(X_{s+j} | X_s) − H(block | X_s)]."""
    start, transition = (tensor.cpu().numpy() for tensor in language.first_order())
    marginal, total = None, 0.0
    for begin in range(0, length, size):
        ahead = start[None] if marginal is None else transition
        weights = np.ones(1) if marginal is None else marginal
        for _ in range(min(size, length - begin)):
            total += float(weights @ _row_entropies(ahead))
            marginal = weights @ ahead
            ahead = ahead @ transition
    return total - language.entropy(length)


def _row_entropies(rows: np.ndarray) -> np.ndarray:
    """Entropy of each row, nats."""
    return -np.sum(rows * np.log(np.where(rows > 0, rows, 1.0)), axis=1)
