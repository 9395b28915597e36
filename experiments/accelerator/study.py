"""Section 7. The study itself: a network trained on a language for a while, beside the exact numbers.

Training is one cell, which leaves its network in its folder; every number of steps is another, so that a run that is
cut loses one of them and not all.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.accelerator.section import DeviceRow, SectionCell
from experiments.harness import Row
from experiments.shared.language_cell import language_of
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.path_law import PathCell
from experiments.shared.trained_models import ModelCell

if TYPE_CHECKING:
    from mdmtheory.training import TrainingConfig

SEQUENCES = 1024
PATH_SEQUENCES = 64
KEPT = ("ter_increase", "ser", "epsilon_learning_mean", "training_seconds")
NETWORK = "network.safetensors"


@dataclasses.dataclass(frozen=True, kw_only=True)
class StudyCell(SectionCell):
    """A language at a length.

    Attributes:
        language: Specification.
        length: L.
    """

    section = 7
    language: str
    length: int

    @property
    def place(self) -> tuple[str, str, int, int]:
        """First fields of a cell on synthetic languages."""
        return self.language, "", self.length, 0

    @property
    def sequences(self) -> int:
        """Sequences sampled at each N."""
        return 16 if self.small else SEQUENCES

    def labelled(self, rows: Sequence[Row]) -> list[DeviceRow]:
        """Rows of other cells as rows of this section."""
        own: dict[str, Any] = {"section": self.section, "device": self.device_name, "what": "the study"}
        return [DeviceRow(**dataclasses.asdict(row), **own) for row in rows if row.metric in KEPT]


@dataclasses.dataclass(frozen=True, kw_only=True)
class ExactCell(StudyCell):
    """TER increase and SER of the exact denoiser: exact where a method serves, else estimated.

    Attributes:
        steps: Numbers of uniform steps N.
    """

    seconds_full = 10.0
    seconds_small = 3.0
    steps: tuple[int, ...]

    def run(self, workdir: Path) -> Sequence[Row]:
        """Ask the exact calculators, then the samplers; `workdir` is not needed."""
        from mdmtheory import exact
        from mdmtheory.samplers.schemes import Bernoulli

        rows = list(PathCell(*self.place, self.steps, PATH_SEQUENCES, device=self.device).run(workdir))
        language = language_of(self.language)
        for steps in self.steps:
            try:
                ser = exact.error(language, self.length, Bernoulli.uniform(steps), "ser")
            except ValueError:  # no exact method serves
                rows += OracleCell(*self.place, steps, self.sequences, device=self.device).run(workdir)
            else:
                there: dict[str, Any] = {"denoiser": "oracle", "sampler": "uniform", "steps": steps}
                rows.append(Row.of(ser, language=self.language, length=self.length, metric="ser", **there))
        return self.labelled(rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingCell(StudyCell):
    """An MDM trained for some time on fresh sequences; it leaves its network in its folder.

    Attributes:
        training_seconds: How long it trains.
    """

    training_seconds: float

    def estimated_seconds(self) -> float:
        """Training, start-up and held-out sequences."""
        return self.training_seconds + (2.0 if self.small else 25.0)

    def run(self, workdir: Path) -> Sequence[Row]:
        """Train; the error of the conditionals under the weights of the NELBO comes from held-out sequences."""
        from languages import Estimate
        from mdmtheory.networks import save_network

        cell = self.model(())
        result = cell.trained(cell.build(), workdir)
        save_network(workdir / NETWORK, result.network)
        seconds = Estimate.measured([result.seconds], unit="seconds")
        steps = Estimate.measured([result.steps], unit="steps")
        rows = [self.row(seconds, "training_seconds", "training"), self.row(steps, "training_steps", "training")]
        if result.gap is not None:
            rows.append(self.row(result.gap, "held_out_gap", "training"))
        return [dataclasses.replace(row, language=self.language, length=self.length, denoiser="mdm") for row in rows]

    def model(self, steps: tuple[int, ...]) -> Limited:
        """The main job's cell with the time limit."""
        recipe = "smoke" if self.small else "window"
        own = (steps, self.sequences, PATH_SEQUENCES)
        return Limited(*self.place, "mdm", recipe, *own, device=self.device, training_seconds=self.training_seconds)


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainedCell(TrainingCell):
    """Learning error, TER increase and SER of the network that a `TrainingCell` has left, at one number of steps.

    Attributes:
        steps: N.
    """

    steps: int

    def estimated_seconds(self) -> float:
        """Samples, mostly: at most L rounds."""
        return 1.0 if self.small else 4.0 + 0.05 * min(self.steps, self.length)

    def run(self, workdir: Path) -> Sequence[Row]:
        """Measure.

        Raises:
            ValueError: The network is not there.
        """
        from mdmtheory.denoisers import NetworkDenoiser

        trained = TrainingCell(**{field.name: getattr(self, field.name) for field in dataclasses.fields(TrainingCell)})
        path = workdir.parent / trained.key / NETWORK
        cell = self.model((self.steps,))
        with tf32():
            model = NetworkDenoiser.load(path, self.device)
            return self.labelled(cell.measured(cell.build(), model))


@dataclasses.dataclass(frozen=True, kw_only=True)
class Limited(ModelCell):
    """The main job's cell with a limit to its training time.

    Attributes:
        training_seconds: The limit.
    """

    training_seconds: float

    def training(self) -> TrainingConfig:
        """The recipe, cut."""
        return super().training().changed(time_limit_seconds=self.training_seconds)


@contextlib.contextmanager
def tf32() -> Iterator[None]:
    """Let products of float32 matrices be TF32: a fraction of the time, and logits that move by 1e-3 or so."""
    import torch

    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high")
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)
