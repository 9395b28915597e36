"""Languages, lengths and steps of ours, and the presets."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

from experiments.shared.config import SyntheticConfig
from experiments.shared.published import STEPS


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Languages, lengths and steps of ours; the paper's rows for the same kinds of languages come whole.

    Attributes:
        steps: Numbers of sampling steps N.
        sample_steps: Those at which languages without exact calculators are sampled.
        samples: Sequences sampled at each of them.
        path_samples: Sequences for path laws and conflict curves that have to be estimated.
        kl_samples: Sequences for the marginal KL of first-order chains.
    """

    full_support_is_wanted: ClassVar[bool] = True  # there the marginal law falls as 1/N²

    languages: tuple[str, ...] = ("2-gram", "3-gram", "4-gram", "2-gram:prune=0,concentration=3")
    lengths: tuple[int, ...] = (64, 256)
    steps: tuple[int, ...] = (8, 16, 32, 64, 128, 256, 512)
    sample_steps: tuple[int, ...] = (8, 16, 32, 64)
    samples: int = 256
    path_samples: int = 48
    kl_samples: int = 256

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_counts("steps", "sample_steps")
        self.check_counts("samples", "path_samples", "kl_samples", least=2)


SMOKE = Config(
    languages=("2-gram", "3-gram"),
    lengths=(16, 256, 512),
    steps=(64, 128),
    sample_steps=(64,),
    samples=4,
    path_samples=4,
    kl_samples=16,
)
PAPER = Config(
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, *STEPS),
    sample_steps=(8, 16, 32, 64, 128, 256, 512),
    samples=256,
    path_samples=96,
    kl_samples=512,
)
PRESETS = {"demo": Config(), "smoke": SMOKE, "paper": PAPER}
