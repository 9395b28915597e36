"""Fixed sizes: so many positions a round, whichever they are."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from languages import Language
from languages.checks import check_count
from mdmtheory.samplers.plan import GIVEN
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows, counted
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class FixedSizes(Scheme):
    """Round k reveals exactly s_k uniformly chosen positions.

    Attributes:
        sizes: N whole numbers s_k ≥ 0 that sum to the number of positions to generate in every row.

    Raises:
        ValueError: A size that is no count, or none at all.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at one token a step",
        calls="number of sizes s_k > 0",
        revises=False,
        needs_time=False,
        literature="k tokens a step (MaskGIT, LLaDA), random order",
        source="2202.04200, 2502.09992",
    )

    sizes: tuple[int, ...]

    def __init__(self, sizes: Sequence[int] | np.ndarray | Tensor) -> None:
        numbers = sizes.reshape(-1).tolist() if isinstance(sizes, Tensor | np.ndarray) else sizes
        checked = tuple(check_count(f"sizes[{k}]", size, least=0) for k, size in enumerate(numbers))
        if not checked:
            raise ValueError("sizes must name at least one round, got none")
        object.__setattr__(self, "sizes", checked)

    def draw(self, rows: Rows) -> Reveals:
        needed = rows.hidden.sum(1)
        wrong = needed != sum(self.sizes)
        if bool(wrong.any()):
            row = int(wrong.nonzero()[0])
            raise ValueError(
                f"sizes sum to {sum(self.sizes)}, but row {row} has {int(needed[row])} positions to generate"
            )
        ends = torch.tensor(self.sizes, device=rows.keys.device).cumsum(0)
        rounds = torch.searchsorted(ends, rows.in_random_order(), right=True).masked_fill(~rows.hidden, GIVEN)
        return counted(rounds, len(self.sizes))

    def num_rounds(self, length: int) -> int:
        if sum(self.sizes) != length:
            raise ValueError(f"sizes sum to {sum(self.sizes)}, but the length is {length}")
        return len(self.sizes)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        size = self.sizes[round_index]
        chance = 1 / math.comb(len(hidden), size)
        for chosen in itertools.combinations(hidden, size):
            yield chosen, chance

    def independent_rounds(self, language: Language) -> bool:
        return max(self.sizes) == 1

    def __repr__(self) -> str:
        if len(self.sizes) <= 8:
            return f"FixedSizes({list(self.sizes)})"
        return f"FixedSizes({len(self.sizes)} steps, {min(self.sizes)} to {max(self.sizes)})"
