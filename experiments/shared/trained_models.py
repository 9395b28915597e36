"""Trained networks laid over the exact numbers: diffusion models of either noise, or an autoregressive one."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell
from experiments.shared.oracle_samples import sample_rows
from experiments.shared.path_law import path_kls, ter_increase
from experiments.shared.training_progress import telling

if TYPE_CHECKING:
    from languages import Language
    from mdmtheory.denoisers import NetworkDenoiser, NoisyNetworkDenoiser
    from mdmtheory.networks import CausalLanguageModel
    from mdmtheory.training import TrainingConfig, TrainingResult

    Model = CausalLanguageModel | NetworkDenoiser | NoisyNetworkDenoiser

Network = Literal["mdm", "mdm-exact", "sedd-absorb", "sedd-uniform", "uniform", "d3pm-uniform", "ar", "ar-exact"]
"""Networks that can be trained: an MDM with its usual loss, its variants (`mdmtheory.training.recipes`), and an AR.

"-exact": trained on the exact law of each token in the place of the one that was drawn.
"""
CAUSAL = ("ar", "ar-exact")
"""Those that write from left to right, one token a step."""


@dataclasses.dataclass(frozen=True)
class ModelCell(LanguageCell):
    """Train one network, then measure it at every number of steps.

    Attributes:
        kind: Which network.
        recipe: Name of the training recipe (`mdmtheory.training.recipes`).
        steps: Numbers of uniform steps N at which an MDM is measured; an AR model has none.
        sequences: How many sequences are sampled at each.
        path_sequences: Sequences for the path law of the exact denoiser where it has to be estimated.
    """

    kind: Network
    recipe: str
    steps: tuple[int, ...]
    sequences: int
    path_sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Train, with checkpoints in `workdir`, and measure."""
        from languages import Estimate

        language = self.build()
        result = self.trained(language, workdir)
        seconds = Estimate.measured([result.seconds], unit="seconds")
        trained = self.row(seconds, "training_seconds", denoiser=self.kind)
        rows = [trained]
        if result.cuts:  # the clock had its say: what follows depends on the machine and its load
            steps = Estimate.measured([result.steps], unit="steps")
            rows.append(self.row(steps, "training_steps_in_time", denoiser=self.kind))
        return [*rows, *self.measured(language, result.model)]

    def training(self) -> TrainingConfig:
        """The training run, before seed and device."""
        return training_config(self.recipe, self.kind)

    def trained(self, language: Language, workdir: Path) -> TrainingResult:
        """Train, with checkpoints in `workdir`."""
        from mdmtheory.training import train

        config = self.training()
        config = config.changed(
            seed=self.random_seed,
            checkpoint_dir=str(workdir) if config.run.checkpoint_every is not None else None,
            accelerator="cpu" if self.device == "cpu" else "auto",
        )
        return train(language, self.length, config, progress=telling(workdir, config.total_steps))

    def measured(self, language: Language, model: Model) -> list[Row]:
        """Errors and costs of a trained network."""
        from mdmtheory.denoisers import NetworkDenoiser
        from mdmtheory.networks import CausalLanguageModel

        if isinstance(model, CausalLanguageModel):
            return self._measure_ar(language, model)
        if isinstance(model, NetworkDenoiser):
            return self._measure_masks(language, model)
        return self._measure_uniform(language, model)

    def _measure_ar(self, language: Language, model: CausalLanguageModel) -> list[Row]:
        """The AR law is explicit: its KL is a mean of paired log-probabilities."""
        from languages import Estimate
        from mdmtheory.samplers.autoregressive import sample_autoregressive

        generator = self.generator()
        places: dict[str, Any] = {"denoiser": self.kind, "sampler": "left-to-right", "steps": self.length}
        tokens = language.sample(max(1024, self.sequences), self.length, generator=generator)
        paired = language.log_prob(tokens) - model.log_prob(tokens).to(language.device)
        kl = Estimate.from_samples(paired.cpu().numpy(), law="marginal", unit="nats")
        started = time.perf_counter()
        samples = sample_autoregressive(model, self.sequences, self.length, generator=generator)
        seconds = time.perf_counter() - started
        return [
            self.row(kl, "kl", **places),
            self.row(ter_increase(kl, self.length), "ter_increase", **places),
            *sample_rows(self, language, samples, seconds, **places),
        ]

    def _measure_masks(self, language: Language, model: NetworkDenoiser) -> list[Row]:
        """Path law: what sampling costs the exact denoiser, plus what the network's own error adds."""
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.estimates import estimate_learning_error
        from mdmtheory.samplers import plans, sample

        generator = self.generator()
        exact = path_kls(language, self.length, self.steps, self.path_sequences, self.seed)
        rows = []
        for num_steps in self.steps:
            places: dict[str, Any] = {"denoiser": self.kind, "sampler": "uniform", "steps": num_steps}
            reveal = uniform_reveal(num_steps)
            error = estimate_learning_error(model, language, self.length, reveal, generator=generator)
            kl = exact[num_steps] + error.path_kl
            rows += [
                self.row(kl, "kl", **places),
                self.row(ter_increase(kl, self.length), "ter_increase", **places),
                self.row(error.mean, "epsilon_learning_mean", **places),
                self.row(error.maximum, "epsilon_learning_max", **places),
            ]
            plan = plans.bernoulli(reveal, self.sequences, self.length, generator=generator)
            started = time.perf_counter()
            samples = sample(model, plan)
            rows += sample_rows(self, language, samples, time.perf_counter() - started, **places)
        return rows

    def _measure_uniform(self, language: Language, model: NoisyNetworkDenoiser) -> list[Row]:
        """Under uniform noise no token is revealed for good: there is no path law, but samples can be judged."""
        from mdmtheory.diffusion.processes import Uniform
        from mdmtheory.samplers import sample
        from mdmtheory.samplers.kernels import Ancestral

        generator, rows = self.generator(), []
        for num_steps in self.steps:
            kernel = Ancestral(Uniform(model.vocab_size), num_steps)
            started = time.perf_counter()
            samples = sample(model, kernel, batch=self.sequences, length=self.length, generator=generator)
            seconds = time.perf_counter() - started
            places: dict[str, Any] = {"denoiser": self.kind, "sampler": "ancestral, uniform", "steps": num_steps}
            rows += sample_rows(self, language, samples, seconds, **places)
        return rows

    def estimated_seconds(self) -> float:
        """Training time of the recipe, plus sampling, on one core of a laptop or on one accelerator."""
        from mdmtheory.training.recipes import estimated_seconds

        rounds = sum(min(n, self.length) for n in self.steps) or self.length
        sampling = 5.0 + rounds * self.sequences * self.length * (2e-6 if self.device == "cpu" else 1e-8)
        kind: Literal["mdm", "ar"] = "ar" if self.kind in CAUSAL else "mdm"
        return sampling + estimated_seconds(self.recipe, kind, self.length, on_cpu=self.device == "cpu")

    def estimated_bytes(self) -> float:
        """Memory of torch, the network with its optimizer, and a fixed corpus of one byte a token if there is one."""
        corpus = training_config(self.recipe, self.kind).corpus
        return 1.0e9 + (0 if corpus is None else corpus.num_sequences * self.length)


def training_config(name: str, network: Network) -> TrainingConfig:
    """The training run of a network.

    Raises:
        ValueError: An unknown recipe or network.
    """
    from mdmtheory.training.recipes import recipe

    if network in ("mdm", "ar"):
        return recipe(name, network)
    if network in ("mdm-exact", "ar-exact"):
        return recipe(name, "ar" if network in CAUSAL else "mdm", targets="exact")
    return recipe(name, "mdm", variant=network)
