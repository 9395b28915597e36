"""Closed forms of a language of independent blocks, from those of one block."""

from __future__ import annotations

import dataclasses

import numpy as np
from scipy import stats

from languages.closed_forms import ClosedForms, FloatArray


@dataclasses.dataclass(frozen=True)
class BlockForms(ClosedForms):
    """Independent blocks of m tokens, the last one cut off where the length is no multiple of m.

    Rounds are independent between positions, so the blocks are independent under the sampler's laws too: information
    and KL add up, and the chances of a correct block multiply.

    Attributes:
        block: Forms of one block, and of its first r tokens (as length r).
        size: m ≥ 1.
    """

    block: ClosedForms
    size: int

    @property
    def known(self) -> tuple[str, ...]:
        return self.block.known

    def _pieces(self, length: int) -> list[tuple[int, int]]:
        """(how many blocks, of which length)."""
        whole, rest = divmod(length, self.size)
        return [(count, size) for count, size in ((whole, self.size), (1, rest)) if count and size]

    def _entropy(self, length: int) -> float:
        return sum(count * self.block._entropy(size) for count, size in self._pieces(length))

    def _log_support_size(self, length: int) -> float:
        return sum(count * self.block._log_support_size(size) for count, size in self._pieces(length))

    def _information_curve(self, length: int) -> FloatArray:
        """A position's block holds a hypergeometric share of the j − 1 others that are revealed."""
        revealed, result = np.arange(length), np.zeros(length)
        if length == 1:
            return result
        for count, size in self._pieces(length):
            inside = np.arange(size)
            share = stats.hypergeom.pmf(inside, length - 1, size - 1, revealed[:, None])
            result += count * size / length * (share @ self.block._information_curve(size))
        return result

    def _total_correlation(self, length: int) -> float:
        return sum(count * self.block._total_correlation(size) for count, size in self._pieces(length))

    def _dual_total_correlation(self, length: int) -> float:
        return sum(count * self.block._dual_total_correlation(size) for count, size in self._pieces(length))

    def _bernoulli_curve(self, length: int, t: FloatArray) -> FloatArray:
        return np.sum([count * self.block._bernoulli_curve(size, t) for count, size in self._pieces(length)], axis=0)

    def _path_kl(self, length: int, reveal: FloatArray) -> float:
        return sum(count * self.block._path_kl(size, reveal) for count, size in self._pieces(length))

    def _sequence_error_rate(self, length: int, reveal: FloatArray) -> float:
        log_correct = sum(
            count * np.log1p(-self.block._sequence_error_rate(size, reveal)) for count, size in self._pieces(length)
        )
        return -np.expm1(log_correct)

    def _marginal_kl(self, length: int, reveal: FloatArray) -> float:
        return sum(count * self.block._marginal_kl(size, reveal) for count, size in self._pieces(length))
