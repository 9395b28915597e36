"""The shortcut of first-order chains: a hidden token depends on its nearest revealed neighbours alone."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.compilation import compiled
from languages.inference.forward_backward.batched import normalised_log
from languages.inference.threads import over_rows

LEAST_FACTOR = 1e-150
"""A product of two factors above this keeps its digits; rows with positive factors below it go to `inference`."""


class NearestNeighbours:
    """Tables of the powers of a first-order chain, grown as longer gaps come up.

    With the nearest revealed tokens a at distance l to the left and b at distance m to the right,
    q(x | a, b) ∝ Pˡ(a, x) Pᵐ(x, b); the start of the sequence stands for a, and a factor one for a missing b.

    Args:
        start: (V,) law of the first token.
        transition: (V, V); a row of zeros for a token that is never reached.
    """

    def __init__(self, start: Float[Tensor, " V"], transition: Float[Tensor, "V V"]) -> None:
        self.vocab_size = len(start)
        # Row V of a left table is the start, of a right table the absence of a neighbour: all ones.
        self._left = _Powers(torch.cat([transition, start[None]]), transition)
        self._right = _Powers(torch.cat([transition.T, torch.ones_like(start)[None]]), transition.T, constant_last=True)

    def log_laws(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " K"]]:
        """Log-law of each wanted hidden token, row-major, and where it may have lost digits to underflow.

        A law of −inf alone says that the neighbours are impossible together.

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) hidden positions, at least one.
        """
        if tokens.device.type == "cpu":
            return self._log_laws_on_cpu(tokens, wanted)
        length = tokens.shape[1]
        revealed = tokens != self.vocab_size
        index = torch.arange(length, device=tokens.device)
        before = torch.where(revealed, index, -1).cummax(1).values
        after = torch.where(revealed, index, length).flip(1).cummin(1).values.flip(1)
        rows, columns = wanted.nonzero().unbind(1)
        before, after = before[rows, columns], after[rows, columns]
        edge = torch.full_like(rows, self.vocab_size)
        left_token = torch.where(before >= 0, tokens[rows, before.clamp(min=0)], edge)
        right_token = torch.where(after < length, tokens[rows, after.clamp(max=length - 1)], edge)
        left, left_small = self._left.rows(columns - before, left_token)
        right, right_small = self._right.rows(after - columns, right_token)
        return normalised_log(left * right), left_small | right_small

    def _log_laws_on_cpu(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " K"]]:
        """`log_laws` in one compiled pass over the rows."""
        question = [tokens.contiguous().numpy(), wanted.contiguous().numpy()]
        counts = np.count_nonzero(question[1], axis=1)
        question.append(counts.cumsum() - counts)
        law = torch.empty(int(counts.sum()), self.vocab_size, dtype=torch.float64)
        doubtful = torch.zeros(len(law), dtype=torch.bool)
        left, right = _longest_gaps(*question[:2], self.vocab_size)
        tables = [table.numpy() for table in (*self._left.upto(left), *self._right.upto(right))]
        answer = [law.numpy(), doubtful.numpy()]
        over_rows(
            lambda begin, end: _fill(begin, end, *question, *tables, *answer),
            len(tokens),
            3.0 * tokens.numel() + 6.0 * law.numel(),
        )
        return law, doubtful


class _Powers:
    """Rows · Pᵈ⁻¹ for d = 1, 2, …, and which of them have positive entries below `LEAST_FACTOR`."""

    def __init__(self, rows: Float[Tensor, "R V"], step: Float[Tensor, "V V"], *, constant_last: bool = False) -> None:
        self._step, self._constant_last = step, constant_last
        self._support = rows > 0
        self._table, self._small = rows[None], self._is_small(rows)[None]
        self._any_small = bool(self._small.any())

    def rows(
        self, distance: Int[Tensor, " K"], row: Int[Tensor, " K"]
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " K"]]:
        """Each row of the power for its distance, and whether it has entries too small to be trusted."""
        self.upto(int(distance.max()))
        place = (distance - 1) * self._table.shape[1] + row
        small = (
            self._small.flatten().index_select(0, place)
            if self._any_small
            else torch.zeros_like(place, dtype=torch.bool)
        )
        return self._table.flatten(0, 1).index_select(0, place), small

    def upto(self, distance: int) -> tuple[Float[Tensor, "D R V"], Bool[Tensor, "D R"]]:
        """Rows of the powers for all distances up to this one or more, and whether they have entries too small."""
        have = len(self._table)
        if distance <= have:
            return self._table, self._small
        tables, small = [self._table], [self._small]
        power, pattern = self._table[-1], (self._step > 0).double()
        for _ in range(max(distance, 2 * have) - have):
            power = power @ self._step
            # Zeros are decided by the pattern of the positive entries, never by what is left of the numbers.
            support = self._support.double() @ pattern > 0
            # A missing neighbour tells nothing at any distance; the row of all ones would drift from that by rounding.
            if self._constant_last:
                power[-1], support[-1] = 1.0, True
            self._support = support
            tables.append(power[None])
            small.append(self._is_small(power)[None])
        self._table, self._small = torch.cat(tables), torch.cat(small)
        self._any_small = bool(self._small.any())
        return self._table, self._small

    def _is_small(self, power: Float[Tensor, "R V"]) -> Bool[Tensor, " R"]:
        return (self._support & (power < LEAST_FACTOR)).any(1)


@compiled(nogil=True)
def _longest_gaps(tokens: Int[np.ndarray, "B L"], wanted: Bool[np.ndarray, "B L"], hole: int) -> tuple[int, int]:
    """Largest distance of a wanted position from its revealed neighbour on the left, and on the right."""
    left = right = 1
    length = tokens.shape[1]
    for row in range(len(tokens)):
        before, first = -1, length
        for j in range(length):
            if tokens[row, j] != hole:
                if first < j:
                    right = max(right, j - first)
                before, first = j, length
            elif wanted[row, j]:
                left, first = max(left, j - before), min(first, j)
        if first < length:
            right = max(right, length - first)
    return left, right


@compiled(nogil=True)
def _fill(
    begin: int,
    end: int,
    tokens: Int[np.ndarray, "B L"],
    wanted: Bool[np.ndarray, "B L"],
    first: Int[np.ndarray, " B"],
    left: Float[np.ndarray, "D V+1 V"],
    left_small: Bool[np.ndarray, "D V+1"],
    right: Float[np.ndarray, "E V+1 V"],
    right_small: Bool[np.ndarray, "E V+1"],
    law: Float[np.ndarray, "K V"],
    doubtful: Bool[np.ndarray, " K"],
) -> None:
    """Log-laws of the wanted positions of rows begin … end − 1; those of row r start at first[r]."""
    vocab_size, length = law.shape[1], tokens.shape[1]
    for row in range(begin, end):
        slot, before, after = first[row], -1, -1
        for j in range(length):
            if tokens[row, j] != vocab_size:
                before = j
            elif wanted[row, j]:
                # The neighbour on the right serves all holes before it.
                if after <= j:
                    after = j + 1
                    while after < length and tokens[row, after] == vocab_size:
                        after += 1
                a = tokens[row, before] if before >= 0 else vocab_size
                b = tokens[row, after] if after < length else vocab_size
                total = 0.0
                for v in range(vocab_size):
                    law[slot, v] = left[j - before - 1, a, v] * right[after - j - 1, b, v]
                    total += law[slot, v]
                for v in range(vocab_size):
                    law[slot, v] = np.log(law[slot, v] / total) if law[slot, v] > 0.0 else -np.inf
                doubtful[slot] = left_small[j - before - 1, a] or right_small[after - j - 1, b]
                slot += 1
