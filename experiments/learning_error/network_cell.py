"""The base of cells that train one network, and the rows about it."""

from __future__ import annotations

import dataclasses
import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Row
from experiments.learning_error.network_training import network_training
from experiments.shared.language_cell import LanguageCell
from experiments.shared.training_progress import telling

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
        return network_training(self.recipe, self.width, self.depth, self.training_steps).changed(
            seed=self.random_seed,
            accelerator="cpu" if self.device == "cpu" else "auto",
        )

    def train(self, language: Language, workdir: Path) -> NetworkDenoiser:
        """Train, or go on from a checkpoint in `workdir` where the recipe makes them."""
        from mdmtheory.denoisers import NetworkDenoiser
        from mdmtheory.training import train

        config = self.training
        if config.run.checkpoint_every is not None:
            config = config.changed(checkpoint_dir=str(workdir))
        said = telling(workdir, self.training_steps)
        result = train(language, self.length, config, progress=said, optimum=math.nan)  # nobody asks for it here
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
