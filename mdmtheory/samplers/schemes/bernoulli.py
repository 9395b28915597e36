"""Bernoulli reveals: every position in a round of its own, independently."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import ClassVar

import numpy as np
import torch

from languages.reveals import check_steps, hazards, masked_shares, reveal_probabilities
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.randomness import Purpose
from mdmtheory.samplers.plan import GIVEN
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class Bernoulli(Scheme):
    """Every position is revealed in round k with probability w_k, independently: ancestral sampling on a grid.

    The time before round k is 1 − (w_0 + … + w_{k−1}), whatever the row's own count.

    Attributes:
        reveal: (N,) the probabilities w_k.

    Raises:
        ValueError: Probabilities that are none.
    """

    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞",
        calls="Σ_k (1 − (1 − w_k)^L) on average, ≤ min(N, L)",
        revises=False,
        needs_time=False,
        literature="ancestral sampling on a grid (MDLM), as a plan",
        source="2406.07524, 2406.03736",
    )

    reveal: tuple[float, ...]

    def __init__(self, reveal: Sequence[float] | np.ndarray | torch.Tensor) -> None:
        object.__setattr__(self, "reveal", tuple(reveal_probabilities(reveal).tolist()))

    @classmethod
    def uniform(cls, steps: int) -> Bernoulli:
        """N equal steps."""
        count = check_steps("steps", steps)
        return cls(np.full(count, 1 / count))

    def draw(self, rows: Rows) -> Reveals:
        weights = torch.tensor(self.reveal, dtype=torch.float64)
        rounds = categorical(rows.uniforms(Purpose.REVEAL), probs=weights.to(rows.keys.device))
        times = masked_shares(weights).clamp(max=1.0)
        times[0] = 1.0
        return rounds.masked_fill(~rows.hidden, GIVEN), times.to(rows.keys.device)

    def num_rounds(self, length: int) -> int:
        return len(self.reveal)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        hazard = self.hazards[round_index]
        for count in range(len(hidden) + 1):
            chance = hazard**count * (1 - hazard) ** (len(hidden) - count)
            if chance > 0:
                for chosen in itertools.combinations(hidden, count):
                    yield chosen, chance

    def time(self, round_index: int, hidden: Positions, length: int) -> float:
        return 1.0 if round_index == 0 else min(1.0, math.fsum(self.reveal[round_index:]))

    @property
    def hazards(self) -> tuple[float, ...]:
        """(N,) probability of a reveal in round k for a position still hidden then, w_k / (w_k + … + w_N)."""
        return tuple(hazards(torch.tensor(self.reveal, dtype=torch.float64)).tolist())

    def __repr__(self) -> str:
        if len(set(self.reveal)) == 1:
            return f"Bernoulli.uniform({len(self.reveal)})"
        return f"Bernoulli({len(self.reveal)} steps, {min(self.reveal):.3g} to {max(self.reveal):.3g})"
