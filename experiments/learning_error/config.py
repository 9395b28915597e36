"""Which networks on which languages, and the presets."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator

from experiments.learning_error.network_training import network_training
from experiments.shared.config import SyntheticConfig
from experiments.shared.language_cell import language_of

Network = tuple[int, int, int]
"""Width, depth and training steps."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Config(SyntheticConfig):
    """Which networks on which languages, and how hard to look.

    Attributes:
        languages: Languages on which every knob is turned.
        schedule_languages: More languages, for the base network alone: those on which schedules differ.
        recipe: Training recipe that the rest is taken from: smoke, demo or paper.
        width: Hidden size of the base network.
        depth: Layers of the base network.
        training_steps: Optimizer steps of the base network.
        widths: Other hidden sizes.
        depths: Other numbers of layers.
        fewer_training_steps: Other numbers of optimizer steps.
        steps: Numbers of sampling steps N.
        schedule_steps: Numbers of steps at which schedules are compared; they are drawn at the largest.
        revealed: Revealed fractions at which ε is measured.
        sequences: Sequences for what is estimated under the language.
        model_samples: Sequences sampled from each network at each N.
        small_language: A language for the networks about which everything is exact.
        small_length: Its length.
        small_training_steps: Their numbers of optimizer steps.
        small_steps: Their numbers of sampling steps.
    """

    languages: tuple[str, ...] = ("2-gram", "hmm")
    schedule_languages: tuple[str, ...] = ("walk:values=8,up=0.05,down=0",)
    lengths: tuple[int, ...] = (32,)
    recipe: str = "demo"
    width: int = 32
    depth: int = 2
    training_steps: int = 1200
    widths: tuple[int, ...] = (16, 64)
    depths: tuple[int, ...] = (1, 4)
    fewer_training_steps: tuple[int, ...] = (75, 300)
    steps: tuple[int, ...] = (1, 4, 16, 64)
    schedule_steps: tuple[int, ...] = (4, 8, 16)
    revealed: tuple[float, ...] = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
    sequences: int = 512
    model_samples: int = 512
    small_language: str = "2-gram:vocab=3,prune=0.2"
    small_length: int = 6
    small_training_steps: tuple[int, ...] = (50, 200, 800)
    small_steps: tuple[int, ...] = (1, 2, 4, 8)

    def check(self) -> None:
        """Build every language and network configuration and check every number before any work is done."""
        super().check()
        from languages.checks import check_fraction
        from mdmtheory.exact.enumeration import check_affordable

        for specification in self.schedule_languages:
            language_of(specification)
        self.check_counts("width", "depth", "training_steps", "steps", "schedule_steps", "small_length", "small_steps")
        self.check_counts(*(name for name in ("widths", "depths", "fewer_training_steps") if getattr(self, name)))
        self.check_counts("small_training_steps")
        self.check_counts("sequences", "model_samples", least=2)
        self.check_some("revealed")
        for fraction in self.revealed:
            check_fraction("revealed", fraction)
        check_affordable(language_of(self.small_language).vocab_size, self.small_length)
        if self.small_length in self.lengths and self.small_language in (*self.languages, *self.schedule_languages):
            raise ValueError(
                f"small_language must not be among the others at the same length, got {self.small_language}"
            )
        network_training(self.recipe, width=16, depth=1, steps=1)  # the recipe first, whatever its networks
        for width, depth, steps in (*self.networks(), *self.small_networks()):
            try:
                network_training(self.recipe, width, depth, steps).transformer(vocab_size=2)
            except ValueError as error:
                raise ValueError(f"width {width} with depth {depth} makes no network: {error}") from error

    @property
    def base(self) -> Network:
        """The network that every other one differs from by one knob."""
        return self.width, self.depth, self.training_steps

    def networks(self) -> Iterator[Network]:
        """All networks of the study, each once."""
        turned = [self.base]
        turned += [(width, self.depth, self.training_steps) for width in self.widths]
        turned += [(self.width, depth, self.training_steps) for depth in self.depths]
        turned += [(self.width, self.depth, steps) for steps in self.fewer_training_steps]
        yield from dict.fromkeys(turned)

    def small_networks(self) -> Iterator[Network]:
        """The networks about which everything is exact: the base one, cut where enumeration would take long."""
        for training_steps in self.small_training_steps:
            yield min(self.width, 32), min(self.depth, 2), training_steps


PRESETS = {
    "demo": Config(),
    "smoke": Config(
        languages=("2-gram:vocab=4,prune=0.05",),
        schedule_languages=(),
        lengths=(8,),
        recipe="smoke",
        width=16,
        depth=1,
        training_steps=60,
        widths=(),
        depths=(),
        fewer_training_steps=(10,),
        steps=(2, 8),
        schedule_steps=(2, 4),
        revealed=(0.0, 0.5, 1.0),
        sequences=64,
        model_samples=64,
        small_length=4,
        small_training_steps=(20,),
        small_steps=(2,),
    ),
    "paper": Config(
        languages=("2-gram", "3-gram", "hmm"),
        schedule_languages=("walk:values=8,up=0.05,down=0", "topics"),
        lengths=(64,),
        recipe="paper",
        width=128,
        depth=4,
        training_steps=5000,
        widths=(32, 64, 256),
        depths=(1, 2, 8),
        fewer_training_steps=(80, 300, 1250),
        steps=(1, 4, 16, 64, 256),
        schedule_steps=(4, 8, 16, 32, 64),
        revealed=(0.0, 0.01, 0.03, 0.1, 0.25, 0.5, 0.75, 0.9, 0.97, 0.99, 1.0),
        sequences=4096,
        model_samples=4096,
        small_training_steps=(50, 200, 800, 3200),
    ),
}
