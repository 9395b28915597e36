"""Closed forms of languages in which any k positions are free and determine the rest."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from scipy import special, stats

from languages.closed_forms import ClosedForms, FloatArray
from languages.reveals import hazards, revealed_before

_CHUNK = 1 << 22


@dataclasses.dataclass(frozen=True)
class MDSForms(ClosedForms):
    """Any min(k, L) of the L positions are independent and uniform on q symbols, and any k determine all others.

    Such are the maximum distance separable codes with q^k words, uniform on the words: parity (k = L − 1, q = 2),
    repetition and deterministic cycles (k = 1), Reed–Solomon codes. Their first r positions are MDS again, with
    min(k, r). The information curve is a step, Z_j = 1[j > k]·ln q: the worst case of the bounds by total correlation.

    A round that begins with fewer than k positions revealed and ends with M ≥ k guesses M − k symbols; all later ones
    are certain. So 1 − SER = E q^{−(M−k)}, path KL = E(M − k)·ln q, and p is uniform on the support: the marginal KL is
    −ln(1 − SER).

    Attributes:
        num_symbols: q ≥ 1.
        dimension: k ≥ 1.
    """

    num_symbols: int
    dimension: int

    def _entropy(self, length: int) -> float:
        return min(self.dimension, length) * math.log(self.num_symbols)

    def _log_support_size(self, length: int) -> float:
        return self._entropy(length)

    def _information_curve(self, length: int) -> FloatArray:
        return np.where(np.arange(1, length + 1) > self.dimension, math.log(self.num_symbols), 0.0)

    def _total_correlation(self, length: int) -> float:
        return max(0, length - self.dimension) * math.log(self.num_symbols)

    def _bernoulli_curve(self, length: int, t: FloatArray) -> FloatArray:
        if length <= self.dimension:
            return np.zeros_like(t)
        # P(Bin(L − 1, t) ≥ k) = I_t(k, L − k)
        return length * math.log(self.num_symbols) * special.betainc(self.dimension, length - self.dimension, t)

    def _sequence_error_rate(self, length: int, reveal: FloatArray) -> float:
        # 1 − q^{−d} = (1 − 1/q) Σ_{e<d} q^{−e}: only positive terms, so a small SER keeps its digits.
        surplus, q = length - self.dimension, self.num_symbols
        if surplus <= 0 or q == 1:
            return 0.0
        enough = min(surplus, 1 + math.ceil(45 / math.log(q)))
        tails = self._surplus_tails(length, reveal, enough)
        return (1 - 1 / q) * float(tails @ float(q) ** -np.arange(enough))

    def _marginal_kl(self, length: int, reveal: FloatArray) -> float:
        return -math.log1p(-self._sequence_error_rate(length, reveal))

    def _surplus_tails(self, length: int, reveal: FloatArray, count: int) -> FloatArray:
        """P(M − k > e) for e = 0 … count − 1, where M − k ≤ L − k is the number of symbols guessed."""
        below, extra = np.arange(self.dimension), np.arange(count)
        needed = self.dimension + extra - below[:, None] + 1  # revealed in the crossing round at least
        tails = np.zeros(count)
        weights = torch.from_numpy(reveal)
        rounds = np.stack([revealed_before(weights), hazards(weights)])
        for t, hazard in zip(
            *(np.array_split(row, max(1, row.size * needed.size // _CHUNK)) for row in rounds), strict=True
        ):
            before = stats.binom.pmf(below, length, t[:, None])
            # P(Bin(n, r) ≥ m) = I_r(m, n − m + 1)
            crossing = special.betainc(needed, length - below[:, None] - needed + 1, hazard[:, None, None])
            tails += np.einsum("ja,jae->e", before, crossing)
        return tails
