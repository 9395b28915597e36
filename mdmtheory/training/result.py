"""What a training run returns."""

from __future__ import annotations

import dataclasses
import math

from languages.estimate import Estimate
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.masked import MaskedNetwork
from mdmtheory.networks.transformer import Transformer
from mdmtheory.networks.uniform import UniformNetwork
from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.pace import Cut
from mdmtheory.training.progress import TrainingRecord


@dataclasses.dataclass(frozen=True, eq=False)
class TrainingResult:
    """A trained network and how it came to be.

    Attributes:
        network: The network with the averaged weights, in evaluation mode.
        config: The run.
        history: Loss and speed over the run.
        steps: Optimizer steps done; below `config.total_steps` if the time limit cut the run.
        seconds: Training time.
        optimum: Entropy of the language per token, nats: the least value the loss can have. NaN if the caller said that
            it is not known.
        cuts: Earlier ends that the time limit gave the run, empty if its steps were fast enough; see `training.pace`.
        held_out: Loss of `network` on held-out sequences, nats per token, with an interval; None if none were held out.
    """

    network: Transformer
    config: TrainingConfig
    history: tuple[TrainingRecord, ...]
    steps: int
    seconds: float
    optimum: float
    cuts: tuple[Cut, ...]
    held_out: Estimate | None

    @property
    def model(self) -> MaskedNetwork | UniformNetwork | CausalLanguageModel:
        """The network as a sampler takes it: a denoiser of masks or of uniform noise, or a causal language model."""
        return self.config.objective.model(self.network)

    @property
    def gap(self) -> Estimate | None:
        """Held-out loss minus the optimum, nats per token; None if one of them is not known."""
        return None if self.held_out is None or math.isnan(self.optimum) else self.held_out.shifted(-self.optimum)

    def __repr__(self) -> str:
        gap = "" if self.gap is None else f", gap={self.gap}"
        cut = f" of {self.config.total_steps} for want of time" if self.cuts else ""
        return (
            f"TrainingResult({self.config.objective.name}, {self.network.extra_repr()}, steps={self.steps}"
            f"{cut}, seconds={self.seconds:.1f}, optimum={self.optimum:.4f} nats/token{gap})"
        )
