"""Closed forms of a short sequence whose law is a table."""

from __future__ import annotations

import dataclasses
import functools
import itertools

import numpy as np
import torch
from numpy.typing import NDArray

from languages.closed_forms import ClosedForms, FloatArray
from languages.entropy import row_entropies
from languages.reveals import hazards

IntArray = NDArray[np.int64]

PATTERN_LIMIT = 1 << 24
"""Products of conditionals that the marginal law of one table may take: 3^m patterns for each supported word."""


@dataclasses.dataclass(frozen=True, eq=False)
class TableForms(ClosedForms):
    """The law of one block of m tokens; as length r ≤ m, of its first r tokens.

    The marginal law p(x) follows a set A of revealed positions that grows from ∅ to all: a round with hazard r turns A
    into B ⊇ A with probability r^{|B∖A|}(1−r)^{m−|B|} and contributes Π_{i∈B∖A} q(x_i | x_A). That is 3^m terms for
    each word and round, exact for any number of rounds.

    Attributes:
        table: (V,)·m probabilities.
    """

    table: FloatArray

    def _prefix_table(self, length: int) -> FloatArray:
        if length > self.table.ndim:
            raise ValueError(f"length must be at most {self.table.ndim}, the size of the block, got {length}")
        return self.table.sum(axis=tuple(range(length, self.table.ndim)))

    def _entropy(self, length: int) -> float:
        return _entropy(self._prefix_table(length))

    def _log_support_size(self, length: int) -> float:
        return np.log((self._prefix_table(length) > 0).sum())

    def _information_curve(self, length: int) -> FloatArray:
        """Z_j = H_1 + H_{j−1} − H_j with H_j the mean entropy of j positions."""
        table, positions = self._prefix_table(length), range(length)
        mean = [
            np.mean([_entropy(table.sum(axis=rest)) for rest in itertools.combinations(positions, length - size)])
            for size in range(length + 1)
        ]
        return np.maximum(mean[1] + np.array(mean[:-1]) - np.array(mean[1:]), 0.0)

    def _sequence_error_rate(self, length: int, reveal: FloatArray) -> float:
        law, ratio = self._marginal_ratio(length, reveal)
        return min(1.0, max(0.0, float(law @ (1 - ratio))))

    def _marginal_kl(self, length: int, reveal: FloatArray) -> float:
        law, ratio = self._marginal_ratio(length, reveal)
        # Σ q(x)·(ρ − 1 − ln ρ) has positive terms only, with ρ = p/q; the rest is Σ q(x)·(1 − ρ) = SER.
        return max(0.0, float(law @ (1 - ratio))) + float(law @ (ratio - 1 - np.log(ratio)))

    def _marginal_ratio(self, length: int, reveal: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Law q(x) and ratio p(x)/q(x) of every supported word."""
        law, before, after, chance = self._patterns(length)
        held = np.zeros((1 << length, len(law)))
        held[0] = 1.0
        gained, left = np.bitwise_count(before ^ after), length - np.bitwise_count(after)
        _, first = np.unique(after, return_index=True)
        for hazard in hazards(torch.from_numpy(reveal)).tolist():
            weight = hazard**gained * (1 - hazard) ** left
            held = np.add.reduceat(weight[:, None] * chance * held[before], first)
        return law, held[-1] / law

    @functools.lru_cache(maxsize=8)  # noqa: B019 (tables are few, and live as long as their language)
    def _patterns(self, length: int) -> tuple[FloatArray, IntArray, IntArray, FloatArray]:
        """Law of the supported words, sets A and B ⊇ A as bits sorted by B, and Π_{i∈B∖A} q(x_i | x_A) for each."""
        table = self._prefix_table(length)
        words = np.argwhere(table > 0)
        if 3**length * len(words) > PATTERN_LIMIT:
            raise ValueError(
                f"the marginal law of {length} positions with {len(words)} supported words takes {3**length} patterns "
                f"each, more than {PATTERN_LIMIT} in all; use a smaller block"
            )
        marginal = np.empty((1 << length, len(words)))
        for bits in range(1 << length):
            hidden = tuple(i for i in range(length) if not bits >> i & 1)
            marginal[bits] = np.broadcast_to(table.sum(axis=hidden, keepdims=True), table.shape)[tuple(words.T)]
        before: list[int] = []
        after: list[int] = []
        chance: list[FloatArray] = []
        for bits in range(1 << length):
            product = {0: np.ones(len(words))}
            for i in (i for i in range(length) if not bits >> i & 1):
                single = marginal[bits | 1 << i] / marginal[bits]
                product |= {more | 1 << i: value * single for more, value in product.items()}
            before += [bits] * len(product)
            after += [bits | more for more in product]
            chance += product.values()
        order = np.argsort(after, kind="stable")
        return marginal[-1], np.array(before)[order], np.array(after)[order], np.array(chance)[order]

    def __repr__(self) -> str:
        return f"TableForms({' × '.join(map(str, self.table.shape))})"


def _entropy(law: FloatArray) -> float:
    """Entropy of a joint law, nats."""
    return float(row_entropies(law.reshape(-1)))
