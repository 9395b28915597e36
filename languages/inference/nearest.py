"""The shortcut of first-order chains: a hidden token depends on its nearest revealed neighbours alone."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

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

    def weights(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " K"]]:
        """Unnormalised law of each wanted hidden token, row-major, and where it may have lost digits to underflow.

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) hidden positions, at least one.
        """
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
        return left * right, left_small | right_small


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
        self._grow(int(distance.max()))
        place = (distance - 1) * self._table.shape[1] + row
        small = (
            self._small.flatten().index_select(0, place)
            if self._any_small
            else torch.zeros_like(place, dtype=torch.bool)
        )
        return self._table.flatten(0, 1).index_select(0, place), small

    def _grow(self, distance: int) -> None:
        have = len(self._table)
        if distance <= have:
            return
        tables, small = [self._table], [self._small]
        power, pattern = self._table[-1], (self._step > 0).double()
        for _ in range(max(distance, 2 * have) - have):
            power = power @ self._step
            # Zeros are decided by the pattern of the positive entries, never by what is left of the numbers.
            support = self._support.double() @ pattern > 0
            if self._constant_last:
                power[-1], support[-1] = 1.0, True
            self._support = support
            tables.append(power[None])
            small.append(self._is_small(power)[None])
        self._table, self._small = torch.cat(tables), torch.cat(small)
        self._any_small = bool(self._small.any())

    def _is_small(self, power: Float[Tensor, "R V"]) -> Bool[Tensor, " R"]:
        return (self._support & (power < LEAST_FACTOR)).any(1)
