"""Which languages and which errors are good enough, and the presets."""

from __future__ import annotations

import dataclasses

from experiments.shared.config import SyntheticConfig


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which languages, how many steps, and which errors are good enough.

    Attributes:
        steps: Numbers of steps N at which all families are compared.
        shown: The N at which the schedules themselves are drawn.
        ter_increase: Target of TER(p)/TER(q) − 1, path law, as a ratio.
        ser: Target of the SER.
        sequences: Sequences for information and conflict curves that have to be sampled.
    """

    languages: tuple[str, ...] = (
        "2-gram:vocab=4,prune=0.05",
        "walk:values=4,up=0.05,down=0",
        "repeat:symbols=8",
        "copy-pairs:symbols=16",
        "hmm",
    )
    lengths: tuple[int, ...] = (32,)
    steps: tuple[int, ...] = (4, 8, 16, 32)
    shown: int = 16
    ter_increase: float = 0.01
    ser: float = 0.1
    sequences: int = 512

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_counts("steps", "shown")
        self.check_counts("sequences", least=2)
        if not self.ter_increase > 0:
            raise ValueError(f"ter_increase must be positive, got {self.ter_increase}")
        if not 0 < self.ser < 1:
            raise ValueError(f"ser must lie strictly between 0 and 1, got {self.ser}")


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("walk:values=3,up=0.1,down=0", "copy-pairs:symbols=4", "hmm:states=4,vocab=4"),
        lengths=(8,),
        steps=(2, 4),
        shown=4,
        ter_increase=0.05,
        ser=0.2,
        sequences=32,
    ),
    "paper": Config(
        languages=("2-gram", "walk:values=8,up=0.05,down=0.05", "topics", "repeat:symbols=8", "hmm", "3-gram"),
        lengths=(64, 256),
        steps=(4, 8, 16, 32, 64, 128, 256),
        shown=32,
        ser=0.5,
        sequences=4096,
    ),
}
