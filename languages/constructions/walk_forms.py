"""Closed forms of first-order chains, whose information is that of pairs, and of walks on a circle."""

from __future__ import annotations

import abc
import dataclasses
import functools

import numpy as np

from languages.checks import check_count
from languages.closed_forms import ClosedForms, FloatArray
from languages.entropy import row_entropies


class ChainForms(ClosedForms, abc.ABC):
    """A first-order chain: the nearest revealed neighbours carry all information.

    With J_d = Σ_i I(X_i; X_{i+d}) the information of pairs at distance d,

        L·Z_j·C(L−1, j−1) = Σ_d J_d · [2·C(L−1−d, j−2) − (d−1)·C(L−1−d, j−3)],

    because I(X_i; X_l, X_r) = I(X_i; X_l) + I(X_i; X_r) − I(X_l; X_r) for the nearest revealed l < i < r, between which
    all positions are hidden.
    """

    @abc.abstractmethod
    def _pair_information(self, length: int) -> FloatArray:
        """(L,) J_0 = 0, J_1, …, J_{L−1}."""

    def _total_correlation(self, length: int) -> float:
        return float(self._pair_information(length)[1:2].sum())

    def _information_curve(self, length: int) -> FloatArray:
        pairs, j = self._pair_information(length), np.arange(1.0, length + 1)
        curve = np.zeros(length)
        if length == 1:
            return curve
        one = (j - 1) / (length - 1)  # one given position revealed, d − 1 others hidden, of L − 1
        two = one * (j - 2) / max(1, length - 2)  # two revealed, d − 2 hidden; there are none at d = 1
        for distance in range(1, length):
            curve += pairs[distance] * 2 * one
            left = length - 1 - distance
            one = one * np.maximum(left - (j - 2), 0) / max(1, left)
            if distance >= 2:
                curve -= pairs[distance] * (distance - 1) * two
                two = two * np.maximum(left - (j - 3), 0) / max(1, left)
        return np.maximum(curve / length, 0.0)


@dataclasses.dataclass(frozen=True)
class WalkForms(ChainForms):
    """A walk on the circle of m values with independent increments: X_i = X_{i−1} + ξ_i mod m.

    H_d, the entropy of the sum of d increments, says everything: I(X_i; X_{i+d}) = H(X_{i+d}) − H_d.

    Attributes:
        increments: (m,) law of ξ on 0 … m − 1.
        uniform_start: Whether X_1 is uniform; else X_1 = start + ξ_1.
    """

    increments: tuple[float, ...]
    uniform_start: bool

    def __repr__(self) -> str:
        start = "uniform" if self.uniform_start else "given"
        return (
            f"WalkForms({len(self.increments)} values, {np.count_nonzero(self.increments)} increments, {start} start)"
        )

    @functools.lru_cache(maxsize=8)  # noqa: B019 (small, and lives as long as its language)
    def _sum_entropies(self, length: int) -> FloatArray:
        """(L + 1,) H_0 = 0, H_1, …, H_L."""
        law = np.zeros(len(self.increments))
        law[0] = 1.0
        result = np.zeros(length + 1)
        moves = [(shift, prob) for shift, prob in enumerate(self.increments) if prob > 0]
        for steps in range(1, length + 1):
            law = np.sum([prob * np.roll(law, shift) for shift, prob in moves], axis=0)
            result[steps] = row_entropies(law)
        return result

    def _entropy(self, length: int) -> float:
        step = self._sum_entropies(1)[1]
        return np.log(len(self.increments)) + (length - 1) * step if self.uniform_start else length * step

    def _log_support_size(self, length: int) -> float:
        step = np.log(np.count_nonzero(self.increments))
        return np.log(len(self.increments)) + (length - 1) * step if self.uniform_start else length * step

    def _pair_information(self, length: int) -> FloatArray:
        sums = self._sum_entropies(length)
        if self.uniform_start:
            pairs = (length - np.arange(length)) * (np.log(len(self.increments)) - sums[:-1])
        else:
            tail = sums[1:][::-1].cumsum()[::-1]  # Σ_{i > d} H(X_i)
            pairs = tail - (length - np.arange(length)) * sums[:-1]
        pairs[0] = 0.0
        return np.maximum(pairs, 0.0)

    def block_kl(self, length: int, size: int) -> float:
        """Exact KL(q ‖ p), path and marginal law alike, when blocks of `size` positions are revealed left to right.

        In a round the B positions of a block are drawn independently given the value before them, which costs
        Σ_{j≤B} H_j − B·H_1. On an unbounded walk that makes (L/2)·log₂(L/R) − O(L) bits with R = L/B rounds
        (Wen, Liang, Lu 2608.25505; ledger `wen-scan`).

        Args:
            length: L ≥ 1.
            size: B ≥ 1; the last block may be shorter.
        """
        length, size = check_count("length", length), check_count("size", size)
        sums = self._sum_entropies(min(size, length))
        cost = sums.cumsum() - np.arange(len(sums)) * sums[1]
        whole, rest = divmod(length, size)
        total = whole * cost[size] if whole else 0.0
        total += cost[rest]
        if self.uniform_start:
            first = min(size, length)  # from the uniform law instead of from a known value
            total += first * np.log(len(self.increments)) - self._entropy(first) - cost[first]
        return float(total)
