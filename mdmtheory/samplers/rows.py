"""What every plan starts from: which positions to generate, the keys of the rows, and the times a count implies."""

from __future__ import annotations

from typing import NamedTuple, TypedDict

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count
from mdmtheory.samplers.draws.randomness import Purpose, row_keys, uniforms
from mdmtheory.samplers.plan import GIVEN

BYTES_A_POSITION = 48
"""What a position costs at least: its token, its round, a uniform, and the order that they are ranked in."""
Reveals = tuple[Tensor, Tensor]
"""Rounds (B, L), −1 where given, and the times (N,) or (B, N) before each round, as a `Plan` has them."""


class RowOptions(TypedDict, total=False):
    """Options of all that draws plans: what to generate in each row, and where its randomness comes from.

    Attributes:
        hidden: (L,) or (B, L) bool, the positions to generate; None for all. The others are given by the prompt.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.
    """

    hidden: Bool[Tensor, "*B L"] | None
    generator: torch.Generator | None
    row_keys: Int[Tensor, " B"] | None


class Rows(NamedTuple):
    """The rows to plan.

    Attributes:
        hidden: (B, L) bool, True at positions to generate.
        keys: (B,) int64 row keys.
    """

    hidden: Bool[Tensor, "B L"]
    keys: Int[Tensor, " B"]

    def uniforms(self, purpose: Purpose) -> Float[Tensor, "B L"]:
        """One uniform per position."""
        positions = torch.arange(self.hidden.shape[1], device=self.keys.device)
        return uniforms(self.keys.unsqueeze(1), purpose, 0, positions)

    def ranks(self, scores: Float[Tensor, "B L"]) -> Int[Tensor, "B L"]:
        """Rank of each hidden position among the row's hidden ones by ascending score; −1 where given."""
        order = scores.masked_fill(~self.hidden, torch.inf).argsort(dim=1, stable=True)
        ranks = torch.arange(order.shape[1], device=order.device).expand_as(order)
        return torch.empty_like(order).scatter_(1, order, ranks).masked_fill_(~self.hidden, GIVEN)

    def in_random_order(self) -> Int[Tensor, "B L"]:
        """Rank of each hidden position in an order of the row's own, uniform over all; −1 where given."""
        return self.ranks(self.uniforms(Purpose.ORDER))


def prepare(
    batch: int,
    length: int,
    *,
    hidden: Tensor | None = None,
    generator: torch.Generator | None = None,
    row_keys: Tensor | None = None,
) -> Rows:
    """Check the arguments all plans share (`RowOptions`), and draw the row keys where none are given.

    Raises:
        ValueError: A count below its least value, a mask that is not bool of (L,) or (B, L), keys that are not int64
            of (B,), or keys and a generator at once.
    """
    batch, length = check_size(batch, length)
    keys = _keys(batch, generator, row_keys)
    if hidden is None:
        mask = torch.ones(batch, length, dtype=torch.bool, device=keys.device)
    else:
        mask = as_tensor("hidden", hidden)
        if mask.dtype != torch.bool or mask.shape not in ((length,), (batch, length)):
            raise ValueError(
                f"hidden must be bool of shape ({length},) or ({batch}, {length}), got {mask.dtype} of "
                f"{tuple(mask.shape)}"
            )
        mask = mask.to(keys.device).expand(batch, length)
    return Rows(mask, keys)


def check_size(batch: int, length: int) -> tuple[int, int]:
    """B ≥ 0 and L ≥ 1 of rows that fit in memory.

    Raises:
        ValueError: They are no such counts, or do not fit.
    """
    batch, length = check_count("batch", batch, least=0), check_count("length", length)
    check_budget(
        f"batch={batch} rows of length={length}",
        "take fewer rows at a time, or shorter ones",
        memory=float(batch) * length * BYTES_A_POSITION,
    )
    return batch, length


def as_tensor(name: str, value: object) -> Tensor:
    """A tensor, or what NumPy makes an array of.

    Raises:
        ValueError: Anything else.
    """
    try:
        return value if isinstance(value, Tensor) else torch.as_tensor(np.asarray(value))
    except (TypeError, ValueError) as error:
        raise ValueError(f"{name} must be an array of numbers, got {value!r}: {error}") from None


def counted(rounds: Int[Tensor, "B L"], num_rounds: int | None = None) -> Reveals:
    """Rounds with times that are counts: before a round, the fraction of the positions to generate still hidden.

    Args:
        rounds: (B, L), −1 where given.
        num_rounds: N; None for the last round in use.
    """
    hidden = rounds != GIVEN
    if num_rounds is None:
        num_rounds = int(rounds.max()) + 1 if rounds.numel() else 0
    revealed = torch.zeros(len(rounds), num_rounds + 1, dtype=torch.float64, device=rounds.device)
    # Round k adds to column k + 1, given positions to none: their column 0 gets zeros.
    revealed.scatter_add_(1, rounds + 1, hidden.to(torch.float64))
    total = hidden.sum(1, keepdim=True).clamp(min=1)
    times = 1.0 - revealed.cumsum(1)[:, :-1] / total
    if len(times) and bool((times == times[0]).all()):
        times = times[0].clone()
    return rounds, times


def _keys(batch: int, generator: torch.Generator | None, keys: Tensor | None) -> Int[Tensor, " B"]:
    """The keys given, checked, or new ones."""
    if keys is None:
        return row_keys(batch, generator)
    if generator is not None:
        raise ValueError("give generator or row_keys, not both: the keys are all the randomness there is")
    keys = as_tensor("row_keys", keys)
    if keys.dtype != torch.int64 or keys.shape != (batch,):
        raise ValueError(f"row_keys must be int64 of shape ({batch},), got {keys.dtype} of {tuple(keys.shape)}")
    return keys
