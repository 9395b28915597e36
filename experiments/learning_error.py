"""Total error = sampling error + learning error, on trained networks; and the schedule a network recommends by itself.

Networks that differ in width, depth or training tokens, one knob at a time, on languages whose law is known: their
ε_learning, on average, at most, and by revealed fraction; TER and SER predicted from the exact law and ε against TER
and SER measured; and the information curve that a network's own losses give, with the schedule it recommends, judged by
the truth. `python -m experiments.learning_error` takes a few minutes on two CPU cores.

The column `source` says how a number was come by. TER and path KL: "exact denoiser", "predicted" (that, plus the
learning part: an identity), "measured". SER: "exact denoiser", "first order" (an approximation), "reweighted" (an
identity), "bound", "measured"; see `experiments.synthetic.learning_error.measures`. Schedules: see
`experiments.synthetic.learning_error.schedules`.
"""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Cell, Experiment, main
from experiments.synthetic.cell import content_digest
from experiments.synthetic.config import SyntheticConfig
from experiments.synthetic.learning_error.cells import LearningCell
from experiments.synthetic.learning_error.exact import EnumeratedCell

if TYPE_CHECKING:
    import pandas

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
        from languages import language_from
        from languages.checks import check_fraction
        from mdmtheory.exact.enumeration import check_affordable

        for specification in self.schedule_languages:
            language_from(specification)
        self.check_counts("width", "depth", "training_steps", "steps", "schedule_steps", "small_length", "small_steps")
        self.check_counts(*(name for name in ("widths", "depths", "fewer_training_steps") if getattr(self, name)))
        self.check_counts("small_training_steps")
        self.check_counts("sequences", "model_samples", least=2)
        self.check_some("revealed")
        for fraction in self.revealed:
            check_fraction("revealed", fraction)
        check_affordable(language_from(self.small_language).vocab_size, self.small_length)
        if self.small_length in self.lengths and self.small_language in (*self.languages, *self.schedule_languages):
            raise ValueError(
                f"small_language must not be among the others at the same length, got {self.small_language}"
            )
        for cell in cells(self):
            assert isinstance(cell, LearningCell | EnumeratedCell)
            cell.training.network(vocab_size=2)

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


def cells(config: Config) -> Sequence[Cell]:
    """A cell for each network: languages with every knob, the base network on others, and the enumerated ones."""
    studied = [(name, network) for name in config.languages for network in config.networks()]
    studied += [(name, config.base) for name in config.schedule_languages if name not in config.languages]
    result: list[Cell] = [
        LearningCell(
            specification,
            content_digest(specification),
            length,
            config.seed,
            config.recipe,
            *network,
            config.steps,
            tuple(sorted(set(config.schedule_steps))) if network == config.base else (),
            tuple(sorted(set(config.revealed))),
            config.sequences,
            config.model_samples,
            device=config.device,
        )
        for specification, network in studied
        for length in config.lengths
    ]
    small = config.small_language
    result += [
        EnumeratedCell(
            small,
            content_digest(small),
            config.small_length,
            config.seed,
            config.recipe,
            min(config.width, 32),
            min(config.depth, 2),
            training_steps,
            config.small_steps,
        )
        for training_steps in config.small_training_steps
    ]
    return result


def report(table: pandas.DataFrame, config: Config) -> str:
    """ε against the knobs, predicted against measured, the recommended schedule against the best."""
    from experiments.synthetic.learning_error.report import learning_report

    return learning_report(table, config)


def figures(table: pandas.DataFrame, config: Config, folder: Path) -> Sequence[Path]:
    """ε against the knobs, predicted against measured, and the curve of the network with its schedule."""
    from experiments.synthetic.learning_error.figures import draw_knobs, draw_predictions
    from experiments.synthetic.learning_error.schedules_figure import draw_schedules

    return [
        *draw_knobs(table, folder, config),
        *draw_predictions(table, folder, config),
        *draw_schedules(table, folder, config),
    ]


EXPERIMENT = Experiment(
    name="learning_error",
    description="Learning error of trained networks, TER and SER predicted from it, and the schedules they recommend.",
    presets=PRESETS,
    cells=cells,
    table=report,
    figures=figures,
)


if __name__ == "__main__":
    sys.exit(main(EXPERIMENT))
