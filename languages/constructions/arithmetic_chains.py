"""Chains of sums that are right, such as 3+4-2=5;1+1-0=2; (each with its result)."""

from __future__ import annotations

import dataclasses
import functools
import math
import re

import numpy as np
import torch
from jaxtyping import Int
from torch import Tensor

from languages.budget import largest as largest_affordable
from languages.checks import check_count, check_tokens
from languages.closed_forms import ClosedForms
from languages.constructions.block_forms import BlockForms
from languages.constructions.trellis import STATE_LIMIT, Section, blocks_from_trellis
from languages.hidden_markov import HMMLanguage

SIGNS = "+-=;"


class ArithmeticLanguage(HMMLanguage):
    """Correct chains "3+4-2=5;" one after the other; tokens are the numbers 0 … M, then + - = ;."""

    @functools.cached_property
    def vocabulary(self) -> list[str]:
        """The V symbols, by token id."""
        return [*map(str, range(self.vocab_size - len(SIGNS))), *SIGNS]

    def encode(self, text: str) -> Int[Tensor, "1 L"]:
        """Token ids of a text, as one row; white space is skipped.

        Raises:
            ValueError: A number above M, or a character that is no part of a chain.
        """
        index = {symbol: token for token, symbol in enumerate(self.vocabulary)}
        symbols = re.findall(r"\d+|\S", text)
        unknown = [symbol for symbol in symbols if symbol not in index]
        if unknown or not symbols:
            raise ValueError(
                f"text has {unknown[0]!r}, which {self.name} does not know" if unknown else "text is empty"
            )
        return torch.tensor([[index[symbol] for symbol in symbols]], dtype=torch.int64, device=self.device)

    def decode(self, tokens: Int[Tensor, "B L"], *, mask: str = "▢") -> list[str]:
        """The text of each row; holes print as `mask`."""
        symbols = [*self.vocabulary, mask]
        return ["".join(symbols[t] for t in row) for row in check_tokens(tokens, self.vocab_size, holes=True).tolist()]


@dataclasses.dataclass(frozen=True)
class _ChainForms(ClosedForms):
    """One chain of n operands, or its first tokens. Every running value is uniform on 0 … M, for its law is symmetric.

    Attributes:
        operands: n.
        largest: M.
    """

    operands: int
    largest: int

    def _free(self, length: int) -> tuple[int, bool]:
        """How many operator–operand pairs are complete, and whether one operator waits for its operand."""
        pairs, lone = divmod(min(length, 2 * self.operands - 1) - 1, 2)
        return pairs, bool(lone)

    def _entropy(self, length: int) -> float:
        pairs, lone = self._free(length)
        plus = np.arange(1, self.largest + 2) / (self.largest + 2)
        operator = -(plus * np.log(plus) + (1 - plus) * np.log1p(-plus)).mean()
        return math.log(self.largest + 1) + pairs * math.log(self.largest + 2) + lone * operator

    def _log_support_size(self, length: int) -> float:
        pairs, lone = self._free(length)
        return math.log(self.largest + 1) + pairs * math.log(self.largest + 2) + lone * math.log(2)


def arithmetic_chains(operands: int, largest: int, *, name: str | None = None) -> ArithmeticLanguage:
    """Independent chains of sums and differences with their results, as a hidden Markov model.

    The law: the first operand is uniform on 0 … M; then each (operator, operand) pair is uniform among the M + 2 that
    keep the running value in 0 … M; then "=", the result, ";". So all correct chains of n operands whose running values
    stay in range have the same probability, and no other sequence has any. A chain has 2n + 2 tokens; other lengths end
    in the first tokens of a chain. A decision anywhere in a chain binds all of it, so parallel sampling errs.

    Args:
        operands: n ≥ 1 numbers to the left of "=".
        largest: M ≥ 1, the largest operand, running value and result; numbers are single tokens.
        name: What tables and legends call it.

    Raises:
        ValueError: Too many hidden states, about ¾·(n − 1)·M².
    """
    n, top = check_count("operands", operands), check_count("largest", largest)
    if count_states(n, top) > STATE_LIMIT:
        fitting = largest_affordable(lambda m: count_states(n, m) <= STATE_LIMIT, top)
        raise ValueError(
            f"operands={n}, largest={top} take {count_states(n, top):.2g} hidden states, more than {STATE_LIMIT}; take "
            + (f"largest up to {fitting}, or fewer operands" if fitting else "fewer operands")
        )
    plus, minus, equals, stop = range(top + 1, top + 5)
    numbers = range(top + 1)
    # Nodes: the running value r; behind an operator, 2r for + and 2r + 1 for −.
    operator = [
        (r, sign, 2 * r + (sign == minus), room / (top + 2))
        for r in numbers
        for sign, room in ((plus, top + 1 - r), (minus, r + 1))
    ]
    operand = [(2 * r, v, r + v, 1 / (top + 1 - r)) for r in numbers for v in range(top + 1 - r)]
    operand += [(2 * r + 1, v, r - v, 1 / (r + 1)) for r in numbers for v in range(r + 1)]
    chain = [[(0, r, r, 1 / (top + 1)) for r in numbers], *[operator, operand] * (n - 1)]
    chain += [[(r, equals, r, 1.0) for r in numbers], [(r, r, 0, 1.0) for r in numbers], [(0, stop, 0, 1.0)]]
    language = blocks_from_trellis(
        [Section(*(np.array(column) for column in zip(*edges, strict=True))) for edges in chain],
        top + 1 + len(SIGNS),
        name=name or f"arithmetic:operands={n},largest={top}",
        closed_forms=BlockForms(_ChainForms(n, top), 2 * n + 2),
        kind=ArithmeticLanguage,
    )
    assert isinstance(language, ArithmeticLanguage)
    return language


def count_states(operands: int, largest: int) -> int:
    """How many hidden states chains take: three for each value at an operator, and a pair (value, operand) each."""
    pairs = (3 * largest**2 + 4 * largest + largest % 2) // 4  # Σ max(r, M − r) over the values r
    return (operands - 1) * (pairs + 3 * (largest + 1)) + 3 * largest + 4
