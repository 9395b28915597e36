"""A toy experiment: how far the mean of N uniform draws is from one half. Run as a script, or loaded by the tests."""

from __future__ import annotations

import dataclasses
import math
import os
import sys
import time
from pathlib import Path

from experiments.harness import Cell, Experiment, ExperimentConfig, Row, main


@dataclasses.dataclass(frozen=True)
class ToyCell(Cell):
    language: str
    steps: int
    seed: int
    pause: float = dataclasses.field(default=0.0, compare=False)
    journal: str = dataclasses.field(default="", compare=False)

    @property
    def label(self) -> str:
        return f"{self.language} N={self.steps}"

    def estimated_seconds(self) -> float:
        return 0.5 * self.steps if self.language != "slow" else 0.01 * self.steps

    def estimated_bytes(self) -> float:
        return 2.0**20 * self.steps

    def note(self, word: str) -> None:
        """A side effect that survives any kill: one line a cell started or ended."""
        if self.journal:
            with Path(self.journal).open("a") as journal:
                journal.write(f"{word} {self.language} {self.steps} {os.getpid()}\n")

    def run(self, workdir: Path) -> list[Row]:
        import torch

        self.note("start")
        if self.language == "slow":
            time.sleep(self.pause)
        if self.language == "broken":
            raise ValueError(f"steps={self.steps} is more than a broken language bears")
        # Torch's global generator on purpose: it must not matter which cells ran before in this process.
        draws = torch.rand(64, self.steps, dtype=torch.float64).mean(1)
        value, half = draws.mean(), 0.25 * draws.std()
        places = {"language": self.language, "length": 1, "denoiser": "oracle", "sampler": "toy", "steps": self.steps}
        rows = [
            Row(metric="ter", law="path", value=value, low=value - half, high=value + half,
                method="monte-carlo", unit="ratio", **places),
            Row(metric="kl", law="path", value=1 / self.steps, low=1 / self.steps, high=1 / self.steps,
                method="exact", unit="ratio", **places),
            Row(metric="kl", law="marginal", value=math.inf, low=0, high=math.inf,
                method="bound", unit="nats", **places),
        ]  # fmt: skip
        self.note("end")
        return rows


@dataclasses.dataclass(frozen=True, kw_only=True)
class ToyConfig(ExperimentConfig):
    """What the toy does.

    Attributes:
        languages: Specifications such as hmm:states=4,prune=0.05,
            any number of them.
        steps: Numbers of draws, 100 % of them.
        pause_seconds: Time each cell of the language called slow sleeps.
        loud: Whether to be loud.
        limit: Upper limit, if any.
        journal: File that notes the cells run.
    """

    languages: tuple[str, ...] = ("2-gram",)
    steps: tuple[int, ...] = (1, 2, 4)
    pause_seconds: float = 0.0
    loud: bool = False
    limit: int | None = None
    journal: str = ""

    def check(self) -> None:
        super().check()
        for steps in self.steps:
            if steps < 1:
                raise ValueError(f"steps must be at least 1, got {steps}")


def toy_cells(config: ToyConfig) -> list[ToyCell]:
    return [
        ToyCell(language, steps, config.seed, config.pause_seconds, config.journal)
        for language in config.languages
        for steps in config.steps
    ]


def toy_figures(table, config: ToyConfig, folder: Path) -> list[Path]:
    from experiments.harness import figures

    with figures.house_style():
        figure, (axes,) = figures.new_figure()
        styles = figures.looks(config.languages)
        for language in config.languages:
            rows = table[(table["language"] == language) & (table["law"] == "path")]
            for metric in ("ter", "kl"):
                figures.draw_estimates(axes, rows[rows["metric"] == metric], label=metric, **styles[language])
        figures.log_steps(axes, config.steps)
        figures.log_values(axes, "ratio")
        return [figures.save_figure(figure, folder / "toy.png", title="toy")]


TOY = Experiment(
    name="toy",
    description="A toy.",
    presets={"smoke": ToyConfig(steps=(1, 2)), "demo": ToyConfig(), "paper": ToyConfig(steps=(8, 16, 32))},
    cells=toy_cells,
    figures=toy_figures,
)

if __name__ == "__main__":
    sys.exit(main(TOY))
