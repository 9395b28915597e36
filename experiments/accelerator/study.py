"""Section 7. The study itself: a network trained on a language for a while, beside the exact numbers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.accelerator.section import DeviceRow, SectionCell
from experiments.harness import Row
from experiments.synthetic.oracle_samples import OracleCell
from experiments.synthetic.path_law import PathCell
from experiments.synthetic.trained_models import ModelCell

SEQUENCES = 1024
PATH_SEQUENCES = 64
KEPT = ("ter_increase", "ser", "epsilon_learning_mean", "training_seconds")


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExactCell(SectionCell):
    """TER increase and SER of the exact denoiser: exact where a method serves, else estimated.

    Attributes:
        language: Specification.
        length: L.
        steps: Numbers of uniform steps N.
    """

    section = 7
    seconds_full = 10.0
    seconds_small = 3.0
    language: str
    length: int
    steps: tuple[int, ...]

    @property
    def sequences(self) -> int:
        """Sequences sampled at each N."""
        return 16 if self.small else SEQUENCES

    def run(self, workdir: Path) -> Sequence[Row]:
        """Ask the exact calculators, then the samplers; `workdir` is not needed."""
        from languages import language_from
        from mdmtheory import exact
        from mdmtheory.samplers.schemes import Bernoulli

        place = (self.language, "", self.length, 0)
        rows = list(PathCell(*place, self.steps, PATH_SEQUENCES, device=self.device).run(workdir))
        language = language_from(self.language)
        for steps in self.steps:
            try:
                ser = exact.error(language, self.length, Bernoulli.uniform(steps), "ser")
            except ValueError:  # no exact method serves
                rows += OracleCell(*place, steps, self.sequences, device=self.device).run(workdir)
            else:
                there: dict[str, Any] = {"denoiser": "oracle", "sampler": "uniform", "steps": steps}
                rows.append(Row.of(ser, language=self.language, length=self.length, metric="ser", **there))
        return self.labelled(rows)

    def labelled(self, rows: Sequence[Row]) -> list[Row]:
        """Rows of other cells as rows of this section."""
        own: dict[str, Any] = {"section": self.section, "device": self.device_name, "what": "the study"}
        kept = [row for row in rows if row.metric in KEPT]
        return [DeviceRow(**dataclasses.asdict(row), **own) for row in kept]


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyCell(ExactCell):
    """An MDM trained for some time on fresh sequences, with its learning error, TER increase and SER.

    Attributes:
        training_seconds: How long it trains.
    """

    training_seconds: float

    def estimated_seconds(self) -> float:
        """Training, and a little to measure."""
        return self.training_seconds + (2.0 if self.small else 20.0)

    def run(self, workdir: Path) -> Sequence[Row]:
        """Train, then measure; `workdir` is not needed."""
        import torch

        cell = _Model(
            self.language, "", self.length, 0, "mdm", "smoke" if self.small else "window", self.steps,
            self.sequences, PATH_SEQUENCES, device=self.device, training_seconds=self.training_seconds,
        )  # fmt: skip
        before = torch.get_float32_matmul_precision()
        # Measured in TF32, whose rounding moves logits by 1e-3 or so: plain float32 products take four times as long.
        torch.set_float32_matmul_precision("high")
        try:
            return self.labelled(cell.run(workdir))
        finally:
            torch.set_float32_matmul_precision(before)


@dataclasses.dataclass(frozen=True, kw_only=True)
class _Model(ModelCell):
    """The main job's cell with a time limit."""

    training_seconds: float

    def training(self) -> Any:
        return dataclasses.replace(super().training(), time_limit_seconds=self.training_seconds)
