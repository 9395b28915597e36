"""Figures of the paper (2502.09622, slides of 2025-04-23), beside which ours are printed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from experiments.harness import Cell, Row

STEPS = (64, 128, 256, 512, 1024, 2048)

TER_INCREASE_PERCENT = {
    ("2-gram", 256): (2.72, 1.09, 0.27, 0.11, 0.10, 0.05),
    ("2-gram", 512): (2.72, 1.09, 0.54, 0.09, 0.05, 0.02),
    ("2-gram", 1024): (2.46, 1.09, 0.55, 0.13, 0.07, 0.02),
    ("3-gram", 256): (4.58, 1.63, 0.98, 0.33, 0.15, 0.08),
    ("3-gram", 512): (4.56, 1.95, 0.98, 0.42, 0.17, 0.09),
    ("3-gram", 1024): (4.56, 2.28, 0.98, 0.65, 0.33, 0.13),
    ("4-gram", 256): (5.26, 3.10, 1.86, 1.24, 0.93, 0.06),
    ("4-gram", 512): (5.33, 2.51, 1.25, 0.63, 0.31, 0.07),
    ("4-gram", 1024): (5.37, 2.91, 1.45, 0.84, 0.35, 0.05),
}
"""Relative increase of the TER of trained MDMs. Vocabulary, thresholds and the kind of TER are not stated there."""


@dataclasses.dataclass(frozen=True)
class PublishedCell(Cell):
    """The paper's rows for one language and length; none if it has none.

    Attributes:
        language: Specification string; only the plain names of the paper's languages have rows.
        length: L.
        steps: Numbers of steps wanted.
    """

    language: str
    length: int
    steps: tuple[int, ...]

    def run(self, workdir: Path) -> Sequence[Row]:
        """Copy the figures; `workdir` is not needed."""
        figures = dict(zip(STEPS, TER_INCREASE_PERCENT.get((self.language, self.length), ()), strict=False))
        return [
            Row(
                language=self.language,
                length=self.length,
                denoiser="mdm",
                sampler="paper",
                steps=n,
                metric="ter_increase",
                law="",
                value=percent / 100,
                low=percent / 100,
                high=percent / 100,
                method="published",
                unit="ratio",
            )
            for n, percent in figures.items()
            if n in self.steps
        ]

    def estimated_seconds(self) -> float:
        """Nothing is computed."""
        return 0.0

    def estimated_bytes(self) -> float:
        """Nothing is kept."""
        return 0.0
