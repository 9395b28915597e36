"""One trained network: its learning error, its TER and SER predicted and measured, and the schedule it recommends."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from experiments.harness import Row
from experiments.learning_error.network_cell import NetworkCell


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
        from experiments.learning_error.measures import learning_errors, predicted_and_measured
        from experiments.learning_error.schedules import learned_schedules

        language = self.build()
        model = self.train(language, workdir)
        generator, sequences, seed = self.generator(), self.sequences, self.seed
        found = [
            *learning_errors(
                model,
                language,
                self.length,
                max(self.steps),
                self.revealed,
                num_sequences=sequences,
                generator=generator,
            ),
            *predicted_and_measured(
                model,
                language,
                self.length,
                self.steps,
                num_sequences=sequences,
                model_samples=self.model_samples,
                seed=seed,
                generator=generator,
            ),
        ]
        if self.schedule_steps:
            found += learned_schedules(
                model,
                language,
                self.length,
                self.schedule_steps,
                num_sequences=sequences,
                seed=seed,
                generator=generator,
            )
        return [self.learning_row(estimate, metric, **places) for estimate, metric, places in found]

    def estimated_seconds(self) -> float:
        """Training, then sampling and walks along given reveals."""
        calls = sum(min(n, self.length) for n in self.steps) * (self.model_samples + 3 * self.sequences)
        measuring = (calls + 100 * self.sequences) * self.length * self.depth * (2e-7 + 2e-8 * self.width)
        return self.training_seconds() + 5 + measuring
