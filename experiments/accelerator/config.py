"""What a run on an accelerator measures, and in how many minutes."""

from __future__ import annotations

import dataclasses
import math

from experiments.harness import ExperimentConfig

SECTIONS = {
    1: "The device and its limits",
    2: "Tests marked gpu",
    3: "Languages",
    4: "Exact numbers",
    5: "Training steps, bfloat16",
    6: "Generation, bfloat16",
    7: "The study: trained networks beside exact numbers",
}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(ExperimentConfig):
    """A time, and what to do with it.

    Attributes:
        device: Where to measure: cuda, cuda:1 …, or cpu for sizes that show that everything runs.
        minutes: Time for the whole run. What does not fit is left out and listed; the same command goes on with it.
        sections: Numbers of the sections wanted: 1 device, 2 tests, 3 languages, 4 exact numbers, 5 training,
            6 generation, 7 the study.
        small: Sizes that a CPU bears; they show that everything runs, and their speeds mean nothing.
        training_seconds: How long each network of the study trains.
    """

    device: str = "cuda"
    minutes: float = 8.0
    sections: tuple[int, ...] = tuple(SECTIONS)
    small: bool = False
    training_seconds: float = 150.0

    def check(self) -> None:
        """Check every number."""
        super().check()
        for name in ("minutes", "training_seconds"):
            if not 0 < getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {getattr(self, name)!r}")
        unknown = [section for section in self.sections if section not in SECTIONS]
        if unknown or not self.sections:
            raise ValueError(f"sections must be some of {', '.join(map(str, SECTIONS))}; got {list(self.sections)}")
        if self.device == "cpu" and not self.small:
            raise ValueError("device must be an accelerator for full sizes; --small measures sizes that a CPU bears")


FULL = Config()
SMOKE = Config(device="cpu", small=True, minutes=2.0, training_seconds=2.0)
PRESETS = {"full": FULL, "smoke": SMOKE}
