"""Languages, steps and lengths, and the presets."""

from __future__ import annotations

import dataclasses
import math

from experiments.shared.config import SyntheticConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Languages, the steps of the sweep at each length, and the lengths of the runs with N = C·L.

    Attributes:
        steps: Numbers of sampling steps N of the sweep.
        sample_steps: Those at which sequences are sampled too.
        samples: Sequences sampled at each N.
        ratios: C of the runs with N = C·L.
        ratio_lengths: Lengths L of these runs.
        sampled_up_to: Longest of them at which languages without an exact calculator are sampled.
        conflict_samples: Sequences for conflict curves that have to be estimated.
        exponent_steps: Numbers of steps N at which the error exponent is held against κ.
        long_length: Length at which the linear law names a number of steps.
    """

    languages: tuple[str, ...] = ("2-gram", "3-gram", "hmm", "copy-pairs:symbols=16")
    steps: tuple[int, ...] = (1, 2, 3, 4, 6, 8, 12, 16, 24, 32, 48, 64, 96, 128, 192, 256)
    sample_steps: tuple[int, ...] = (1, 4, 16, 64, 256)
    samples: int = 1024
    ratios: tuple[float, ...] = (0.5, 0.676, 1.0, 2.0)
    ratio_lengths: tuple[int, ...] = (16, 32, 64, 128, 256)
    sampled_up_to: int = 128
    conflict_samples: int = 512
    exponent_steps: tuple[int, ...] = (4, 16, 64, 256)
    long_length: int = 1024

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_some("ratios")
        self.check_counts("steps", "sample_steps", "ratio_lengths", "exponent_steps", "long_length")
        self.check_counts("samples", "conflict_samples", least=2)
        self.check_counts("sampled_up_to", least=0)
        for ratio in self.ratios:
            if not (ratio > 0 and math.isfinite(ratio)):
                raise ValueError(f"ratios must be positive numbers C of N = C·L, got {ratio!r}")


SMOKE = Config(
    languages=("2-gram", "hmm", "copy-pairs:symbols=16"),
    lengths=(12,),
    steps=(1, 4, 16),
    sample_steps=(4,),
    samples=64,
    ratios=(0.5, 1.0),
    ratio_lengths=(8, 16),
    sampled_up_to=8,
    conflict_samples=16,
    exponent_steps=(4, 16),
    long_length=128,
)
PAPER = Config(
    languages=("2-gram", "3-gram", "4-gram", "hmm", "copy-pairs:symbols=16", "parity:block=4"),
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    sample_steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    samples=1024,
    ratio_lengths=(64, 128, 256, 512, 1024),
    sampled_up_to=256,
    conflict_samples=256,
    exponent_steps=(16, 64, 256, 1024),
    long_length=8192,
)
PRESETS = {"demo": Config(), "smoke": SMOKE, "paper": PAPER}


def linear_steps(ratio: float, length: int) -> int:
    """N = ⌊C·L⌋, at least one: with no more steps than C·L the lower bounds on SER apply."""
    return max(1, math.floor(ratio * length + 1e-9))
