"""Schemes: laws of plans, by name. A plan says when each row is revealed; its scheme says with what probability.

    scheme.plan(batch, length)      draws plans for `mdmtheory.samplers.sample`
    scheme.choices(round, hidden)   lists what a round may reveal, for exact laws by enumeration

so that a sampler's exact law and its samples come from one description.
"""

from __future__ import annotations

import abc
import dataclasses
import itertools
import math
from collections.abc import Iterator, Sequence
from typing import Any, ClassVar

import numpy as np
import torch

from languages.checks import check_count
from mdmtheory.samplers import plans
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.properties import Properties

Positions = tuple[int, ...]


class Scheme(abc.ABC):
    """A law on reveal orders.

    Attributes:
        properties: What is known of the family.
    """

    properties: ClassVar[Properties]

    @abc.abstractmethod
    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        """Draw a plan for each row; options as in `mdmtheory.samplers.plans` (hidden, generator, row_keys)."""

    @abc.abstractmethod
    def num_rounds(self, length: int) -> int:
        """Rounds until a sequence with no given position is complete."""

    @abc.abstractmethod
    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        """The sets of positions that a round may reveal, each with its positive probability.

        Args:
            round_index: 0, 1, …, num_rounds − 1.
            hidden: Positions still hidden before the round, increasing.
            length: L; nothing was given.
        """

    def time(self, round_index: int, hidden: Positions, length: int) -> float:
        """Noise fraction that the denoiser is told before the round."""
        return len(hidden) / length

    def around(self, holes: Positions, length: int) -> Scheme:
        """The scheme of these positions where the others are given; its own `length` is then the number of holes."""
        return self


@dataclasses.dataclass(frozen=True)
class Bernoulli(Scheme):
    """Every position is revealed in round k with probability w_k, independently: ancestral sampling on a grid.

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
        object.__setattr__(self, "reveal", tuple(plans.reveal_probabilities(reveal).tolist()))

    @classmethod
    def uniform(cls, steps: int) -> Bernoulli:
        """N equal steps."""
        return cls(np.full(check_count("steps", steps), 1 / steps))

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.bernoulli(self.reveal, batch, length, **options)

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
        left = np.cumsum(self.reveal[::-1])[::-1]
        hazards = np.divide(self.reveal, left, out=np.ones(len(left)), where=left > 0)
        return tuple(float(hazard) for hazard in hazards)

    def __repr__(self) -> str:
        if len(set(self.reveal)) == 1:
            return f"Bernoulli.uniform({len(self.reveal)})"
        return f"Bernoulli({len(self.reveal)} steps, {min(self.reveal):.3g} to {max(self.reveal):.3g})"


@dataclasses.dataclass(frozen=True)
class FixedSizes(Scheme):
    """Round k reveals exactly s_k uniformly chosen positions.

    Attributes:
        sizes: (N,) whole numbers that sum to the length.
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

    def __init__(self, sizes: Sequence[int]) -> None:
        checked = tuple(check_count(f"sizes[{k}]", size, least=0) for k, size in enumerate(sizes))
        object.__setattr__(self, "sizes", checked)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.fixed_sizes(self.sizes, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        if sum(self.sizes) != length:
            raise ValueError(f"sizes sum to {sum(self.sizes)}, but the length is {length}")
        return len(self.sizes)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        size = self.sizes[round_index]
        chance = 1 / math.comb(len(hidden), size)
        for chosen in itertools.combinations(hidden, size):
            yield chosen, chance

    def __repr__(self) -> str:
        if len(self.sizes) <= 8:
            return f"FixedSizes({list(self.sizes)})"
        return f"FixedSizes({len(self.sizes)} steps, {min(self.sizes)} to {max(self.sizes)})"


@dataclasses.dataclass(frozen=True)
class RandomOrder(Scheme):
    """One position a round, in uniformly random order; with a denoiser free of time also the first-hitting sampler."""

    properties: ClassVar[Properties] = Properties(
        exact="always",
        calls="L",
        revises=False,
        needs_time=False,
        literature="any-order, first-hitting sampler",
        source="2409.02908",
    )

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.random_order(batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return length

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        for position in hidden:
            yield (position,), 1 / len(hidden)


@dataclasses.dataclass(frozen=True)
class Blocks(Scheme):
    """From left to right, `size` positions a round; size 1 is plain left to right.

    Attributes:
        size: Positions a round.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at size 1; else independent blocks only",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="left to right, semi-autoregressive",
        source="2503.09573",
    )

    size: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.blocks(self.size, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return -(-length // self.size)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield hidden[: self.size], 1.0


@dataclasses.dataclass(frozen=True)
class Bisection(Scheme):
    """Middle blocks first: exact on a chain of order m with an exact denoiser (Wen, Liang and Lu 2608.25505).

    Attributes:
        order: m, how many tokens before it the next one depends on.
    """

    properties: ClassVar[Properties] = Properties(
        exact="on Markov chains of this order",
        calls="≤ m(⌈log2(L/m)⌉ + 1)",
        revises=False,
        needs_time=False,
        literature="bisection by m-blocks",
        source="2608.25505",
    )

    order: int = 1

    def __post_init__(self) -> None:
        check_count("order", self.order)

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        return plans.bisection(self.order, batch, length, **options)

    def num_rounds(self, length: int) -> int:
        return 1 + max(self._rounds(length))

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self._rounds(length)) if when == round_index), 1.0

    def around(self, holes: Positions, length: int) -> Scheme:
        return _InRounds(tuple(self._rounds(length, holes)))

    def _rounds(self, length: int, holes: Positions | None = None) -> list[int]:
        row_keys = torch.zeros(1, dtype=torch.int64)  # nothing is random
        hidden = torch.tensor([holes is None or i in holes for i in range(length)])
        return [
            int(when) for when in plans.bisection(self.order, 1, length, hidden=hidden, row_keys=row_keys).rounds[0]
        ]


@dataclasses.dataclass(frozen=True)
class _InRounds(Scheme):
    """The rounds themselves."""

    rounds: tuple[int, ...]

    def plan(self, batch: int, length: int, **options: Any) -> Plan:
        raise NotImplementedError("only its choices are enumerated")

    def num_rounds(self, length: int) -> int:
        return 1 + max(self.rounds)

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        yield tuple(i for i, when in enumerate(self.rounds) if when == round_index), 1.0
