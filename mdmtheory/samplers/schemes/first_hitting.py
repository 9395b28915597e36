"""First hitting: the continuous-time law without time discretisation."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import ClassVar

from languages import Language
from mdmtheory.samplers.draws.randomness import Purpose
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.rows import Reveals, Rows
from mdmtheory.samplers.schemes.scheme import Positions, Scheme


@dataclasses.dataclass(frozen=True)
class FirstHitting(Scheme):
    """One position a round, each at its own uniform time: the N → ∞ limit of `Bernoulli` on uniform grids.

    Position i leaves the mask at noise fraction T_i, uniform on [0, 1]; the row's k-th round happens at the k-th
    largest, and the network sees that time (first-hitting sampler, arXiv 2409.02908). With a denoiser that does not
    read the time it has the law of `RandomOrder`.
    """

    properties: ClassVar[Properties] = Properties(
        exact="always",
        calls="L",
        revises=False,
        needs_time=False,
        literature="first-hitting sampler",
        source="2409.02908",
    )
    draws_times: ClassVar[bool] = True

    def draw(self, rows: Rows) -> Reveals:
        times = 1.0 - rows.uniforms(Purpose.REVEAL)
        rounds = rows.ranks(-times)
        num_rounds = int(rounds.max()) + 1 if rounds.numel() else 0
        # Given positions are sorted behind all others; a row with fewer positions to generate never reads its last
        # times.
        ordered = times.masked_fill(~rows.hidden, 0.0).sort(dim=1, descending=True).values
        return rounds, ordered[:, :num_rounds]

    def num_rounds(self, length: int) -> int:
        return length

    def choices(self, round_index: int, hidden: Positions, length: int) -> Iterator[tuple[Positions, float]]:
        for position in hidden:
            yield (position,), 1 / len(hidden)

    def independent_rounds(self, language: Language) -> bool:
        return True
