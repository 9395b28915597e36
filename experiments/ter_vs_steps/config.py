"""What to compare and how hard to look, and the presets."""

from __future__ import annotations

import dataclasses
from typing import Literal

from experiments.shared.config import SyntheticConfig
from experiments.shared.trained_models import Network, training_config


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """What to compare, and how hard to look.

    Attributes:
        steps: Numbers of sampling steps N for the exact denoiser.
        models: Which networks to train: mdm, sedd-absorb, sedd-uniform, uniform (noise), d3pm-uniform, ar;
            mdm-exact and ar-exact, on exact targets; or none.
        model_steps: Numbers of sampling steps at which a trained diffusion model is measured.
        recipe: Training recipe: smoke, demo or paper.
        samples: Sequences sampled from the exact denoiser at each N.
        model_samples: Sequences sampled from a trained model at each N.
        path_samples: Sequences for path laws that have to be estimated.
        published: Whether the paper's figures are printed beside ours, where it has any.
    """

    steps: tuple[int, ...] = (1, 2, 4, 8, 16, 32, 64, 128, 256)
    models: tuple[Literal[Network, "none"], ...] = ("mdm-exact", "ar-exact")
    model_steps: tuple[int, ...] = (1, 4, 16, 64, 256)
    recipe: str = "demo"
    samples: int = 1024
    model_samples: int = 256
    path_samples: int = 512
    published: bool = False

    @property
    def networks(self) -> tuple[Network, ...]:
        """The networks to train."""
        return tuple(kind for kind in self.models if kind != "none")

    def check(self) -> None:
        """Build every language and check every number before any work is done."""
        super().check()
        self.check_some("models")
        if self.networks and "none" in self.models:
            raise ValueError(f"models must be none alone, or networks alone, got {' '.join(self.models)}")
        self.check_counts("steps", *(["model_steps"] if self.networks else []))
        self.check_counts("samples", "model_samples", "path_samples", least=2)
        if self.networks:
            for network in self.networks:
                training_config(self.recipe, network)


SMOKE = Config(
    languages=("2-gram", "hmm"),
    lengths=(16,),
    models=("mdm", "ar"),
    steps=(1, 4, 16),
    model_steps=(4,),
    recipe="smoke",
    samples=64,
    model_samples=16,
    path_samples=32,
)
PAPER_ORACLE = Config(
    languages=("2-gram", "3-gram", "4-gram", "hmm"),
    lengths=(256, 512, 1024),
    steps=(8, 16, 32, 64, 128, 256, 512, 1024, 2048),
    models=("none",),
    samples=64,
    path_samples=96,
    published=True,
)
PAPER = dataclasses.replace(
    PAPER_ORACLE, models=("mdm", "ar"), model_steps=PAPER_ORACLE.steps, recipe="paper", model_samples=1024, samples=1024
)
NOISES = Config(
    languages=("2-gram",), models=("mdm", "sedd-absorb", "sedd-uniform", "uniform"), steps=(1, 4, 16, 64, 256)
)
PRESETS = {"demo": Config(), "noises": NOISES, "smoke": SMOKE, "paper": PAPER, "paper-oracle": PAPER_ORACLE}
