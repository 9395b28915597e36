"""The shortcut of first-order chains: a hidden token depends on its nearest revealed neighbours alone."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor


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
        self.start, self.transition = start, transition
        ones = torch.ones(1, self.vocab_size, dtype=torch.float64, device=start.device)
        # Row V of a left table is the start, of a right table the absence of a neighbour.
        self._left = [torch.cat([transition, start[None]])]
        self._right = [torch.cat([transition.T, ones])]
        self._stacked: tuple[Tensor, Tensor] | None = None

    def tables(self, distance: int) -> tuple[Float[Tensor, "D V+1 V"], Float[Tensor, "D V+1 V"]]:
        """Left and right factors for distances 1 … D, D ≥ `distance`."""
        if self._stacked is None or len(self._stacked[0]) < distance:
            for _ in range(max(distance, 2 * len(self._left)) - len(self._left)):
                left, right = self._left[-1] @ self.transition, self._right[-1] @ self.transition.T
                right[-1] = 1.0
                self._left.append(left)
                self._right.append(right)
            self._stacked = torch.stack(self._left), torch.stack(self._right)
        return self._stacked

    def weights(self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]) -> tuple[Tensor, Int[Tensor, " K"]]:
        """Unnormalised law of each wanted hidden token, row-major, and the number of steps its gap spans.

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) hidden positions.

        Returns:
            (K, V) weights and (K,) distance between the two neighbours.
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
        to_left, to_right = columns - before, after - columns
        longest = max(int(to_left.max()), int(to_right.max())) if len(rows) else 1
        left, right = self.tables(longest)
        return left[to_left - 1, left_token] * right[to_right - 1, right_token], to_left + to_right
