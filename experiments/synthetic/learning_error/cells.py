"""One trained network: its learning error, its TER and SER predicted and measured, and the schedule it recommends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Row
from experiments.synthetic.cell import LanguageCell
from experiments.synthetic.learning_error.network_training import network_training

if TYPE_CHECKING:
    from languages import Estimate, Language
    from mdmtheory.denoisers import NetworkDenoiser
    from mdmtheory.training import TrainingConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class LearningRow(Row):
    """A row about a trained network.

    Attributes:
        width: Hidden size.
        depth: Layers.
        training_tokens: Tokens it was trained on.
        revealed: Revealed fraction t, where the row is about one.
        after: The step after which `revealed_fraction` is given.
        source: How a number was come by: "measured" or "predicted", and from what; see `experiments.learning_error`.
    """

    width: int
    depth: int
    training_tokens: int
    revealed: float | None = None
    after: int | None = None
    source: str = ""


@dataclasses.dataclass(frozen=True)
class NetworkCell(LanguageCell):
    """The base of cells that train one network.

    Attributes:
        recipe: Training recipe that the rest is taken from (`mdmtheory.training.recipes`).
        width: Hidden size.
        depth: Layers.
        training_steps: Optimizer steps.
    """

    recipe: str
    width: int
    depth: int
    training_steps: int

    @property
    def training(self) -> TrainingConfig:
        """The recipe with this cell's network, number of steps, seed and device."""
        from experiments.synthetic.learning_error.network_training import network_training

        return dataclasses.replace(
            network_training(self.recipe, self.width, self.depth, self.training_steps),
            seed=self.random_seed,
            accelerator="cpu" if self.device == "cpu" else "auto",
        )

    def train(self, language: Language, workdir: Path) -> NetworkDenoiser:
        """Train, or go on from a checkpoint in `workdir` where the recipe makes them."""
        from mdmtheory.denoisers import NetworkDenoiser
        from mdmtheory.training import train

        config = self.training
        if config.checkpoint_every is not None:
            config = dataclasses.replace(config, checkpoint_dir=str(workdir))
        result = train(language, self.length, config, progress=False if self.device == "cpu" else None, optimum=0.0)
        assert isinstance(result.model, NetworkDenoiser)
        return result.model

    def learning_row(self, estimate: Estimate, metric: str, **places: Any) -> LearningRow:
        """A row about this network."""
        defaults = {"denoiser": "mdm", "sampler": "uniform", "steps": None}
        return LearningRow.of(
            estimate,
            language=self.language,
            length=self.length,
            metric=metric,
            width=self.width,
            depth=self.depth,
            training_tokens=self.training_steps * self.training.batch_size * self.length,
            **{**defaults, **places},
        )

    def training_seconds(self) -> float:
        """Expected training time: on one core as networks of width 16 to 64 took at L = 32, on a GPU by a guess."""
        tokens = self.training_steps * self.training.batch_size * self.length
        return 3 + tokens * self.depth * (2e-6 + 1.5e-7 * self.width) * (1 if self.device == "cpu" else 0.02)

    def estimated_bytes(self) -> float:
        """Memory of torch and of a small network."""
        return 1.0e9


@dataclasses.dataclass(frozen=True)
class LearningCell(NetworkCell):
    """Train one network and measure all that `experiments.learning_error` asks of it.

    Attributes:
        steps: Numbers of sampling steps N at which predictions are held against measurements.
        schedule_steps: Numbers of steps at which schedules are compared; none where they are not.
        revealed: Revealed fractions t at which ε is measured.
        sequences: Sequences of the language for everything that is estimated under it.
        model_samples: Sequences sampled from the network at each N.
    """

    steps: tuple[int, ...]
    schedule_steps: tuple[int, ...]
    revealed: tuple[float, ...]
    sequences: int
    model_samples: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Train and measure."""
        from experiments.synthetic.learning_error.measures import error_rows, predicted_and_measured
        from experiments.synthetic.learning_error.schedules import schedule_rows

        language = self.build()
        model = self.train(language, workdir)
        generator = self.generator()
        return [
            *error_rows(self, language, model, generator),
            *predicted_and_measured(self, language, model, generator),
            *(schedule_rows(self, language, model, generator) if self.schedule_steps else []),
        ]

    def estimated_seconds(self) -> float:
        """Training, then sampling and walks along given reveals."""
        calls = sum(min(n, self.length) for n in self.steps) * (self.model_samples + 3 * self.sequences)
        measuring = (calls + 100 * self.sequences) * self.length * self.depth * (2e-7 + 2e-8 * self.width)
        return self.training_seconds() + 5 + measuring
