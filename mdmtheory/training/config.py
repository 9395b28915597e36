"""What a training run is: one frozen dataclass of parts."""

from __future__ import annotations

import dataclasses
from typing import Any, Literal, Self

from languages.checks import check_count
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.sizes import transformer_config
from mdmtheory.training.objectives import MDM, Objective
from mdmtheory.training.optimizer import OptimizerConfig
from mdmtheory.training.settings import an, one_of, optional, positive, settle, whole

Accelerator = Literal["auto", "cpu", "gpu", "cuda", "mps", "tpu"]
Precision = Literal["auto", "32-true", "bf16-mixed", "bf16-true", "64-true"]


@dataclasses.dataclass(frozen=True)
class NetworkConfig:
    """The shape of the network, but for what vocabulary and objective say.

    Attributes:
        size: A named size (`mdmtheory.networks.SIZES`).
        hidden_size: Width instead of the size's.
        num_layers: Depth instead of the size's.
        num_heads: Heads instead of the size's.
        rotary_base: Base of the rotary frequencies. Turns slower than the length serve nothing, and small networks
            learn short languages sooner without them.
        local_start: Whether attention starts with the neighbours; see `TransformerConfig`.
        dropout: Dropout probability.
        boundary_tokens: Whether rows are read between a start and an end symbol; see `TransformerConfig`. A causal
            network has its start symbol anyway.
    """

    size: str = "tiny"
    hidden_size: int | None = None
    num_layers: int | None = None
    num_heads: int | None = None
    rotary_base: float = 10000.0
    local_start: bool = False
    dropout: float = 0.0
    boundary_tokens: bool = True

    def __post_init__(self) -> None:
        settle(self, **dict.fromkeys(("hidden_size", "num_layers", "num_heads"), optional(check_count)))
        self.transformer(2, MDM())  # the rest is checked there

    def transformer(self, vocab_size: int, objective: Objective) -> TransformerConfig:
        """The whole shape: that of a network over a vocabulary which serves an objective."""
        given = {name: value for name, value in dataclasses.asdict(self).items() if value is not None}
        given["boundary_tokens"] &= not objective.causal
        told = objective.told_time
        if told is not None:
            given |= {"time_conditioned": True, "time_input": told}
        return transformer_config(given.pop("size"), vocab_size, causal=objective.causal, **given)


@dataclasses.dataclass(frozen=True)
class Corpus:
    """Sequences generated once and passed over in seeded permutations, instead of fresh ones at every step.

    Attributes:
        num_sequences: Its size, held-out part included.
        epochs: Passes over it, if they and not `TrainingConfig.steps` say how long the run is.
    """

    num_sequences: int = 1_000_000
    epochs: int | None = None

    def __post_init__(self) -> None:
        settle(self, num_sequences=check_count, epochs=optional(check_count))


@dataclasses.dataclass(frozen=True)
class RunConfig:
    """How long a run may take and what it leaves. A run that goes on from a checkpoint may have another.

    Attributes:
        checkpoint_dir: Folder of the checkpoint; None for no checkpoints at all. A run whose folder holds a checkpoint
            of the same run goes on from it.
        checkpoint_every: Steps between checkpoints; None for one at the end alone.
        time_limit_seconds: Stop after this much training time, learning-rate decay included. A run whose steps take
            too long for it gets an earlier end, in coarse steps that its result has on record (`training.pace`); where
            that never happens the limit changes nothing, and two runs are the same bit for bit.
        log_every: Steps per entry of the history.
    """

    checkpoint_dir: str | None = None
    checkpoint_every: int | None = None
    time_limit_seconds: float | None = None
    log_every: int = 50

    def __post_init__(self) -> None:
        settle(
            self,
            checkpoint_every=optional(check_count),
            time_limit_seconds=optional(positive),
            log_every=check_count,
        )


@dataclasses.dataclass(frozen=True)
class DeviceConfig:
    """Where a run computes. A run that goes on from a checkpoint may do so elsewhere.

    Attributes:
        accelerator: Fabric's: "auto", "cpu", "gpu", "cuda", "mps" or "tpu".
        devices: Fabric's: how many, or which.
        strategy: Fabric's: "auto", "ddp", "fsdp", …
        precision: Fabric's, or "auto": bf16-mixed on CUDA, else 32-true.
        compile: Backend of torch.compile for the blocks, such as "inductor": the first step takes longer, the others
            less. Blocks are alike, so one is compiled for all; the last, which sees another number of positions at
            every step, is not. None runs them as they are.
    """

    accelerator: Accelerator = "auto"
    devices: int | str = 1
    strategy: str = "auto"
    precision: Precision = "auto"
    compile: str | None = None

    def __post_init__(self) -> None:
        settle(self, accelerator=one_of(Accelerator), precision=one_of(Precision))


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training run does.

    `TrainingConfig(steps=300)` is a run: a small masked diffusion model on fresh sequences.

    Attributes:
        steps: Optimizer steps; None where a corpus says how often it is passed over.
        objective: What the network is trained to do; see `mdmtheory.training.objectives`.
        batch_size: Sequences per step, over all devices together.
        corpus: A fixed corpus; None for fresh sequences at every step.
        held_out: Sequences that are never trained on and on which the result is evaluated; 0 for none.
        seed: Seed of the weights, the data and the masks.
        network: The shape of the network.
        optimizer: AdamW, its learning rate and the average of the weights.
        run: Checkpoints, time limit and history.
        device: Where it computes.
    """

    steps: int | None = None
    objective: Objective = dataclasses.field(default_factory=MDM)
    batch_size: int = 64
    corpus: Corpus | None = None
    held_out: int = 10_000
    seed: int = 0
    network: NetworkConfig = dataclasses.field(default_factory=NetworkConfig)
    optimizer: OptimizerConfig = dataclasses.field(default_factory=OptimizerConfig)
    run: RunConfig = dataclasses.field(default_factory=RunConfig)
    device: DeviceConfig = dataclasses.field(default_factory=DeviceConfig)

    def __post_init__(self) -> None:
        settle(
            self,
            steps=optional(check_count),
            objective=an(Objective),
            batch_size=check_count,
            corpus=optional(an(Corpus)),
            held_out=whole,
            seed=whole,
            **{name: an(kind) for name, kind in _PARTS.items()},
        )
        epochs = self.corpus and self.corpus.epochs
        if (self.steps is None) == (epochs is None):
            raise ValueError(f"give exactly one of steps and corpus.epochs, got steps={self.steps}, epochs={epochs}")
        if self.corpus is not None and self.steps_per_epoch < 1:
            raise ValueError(
                f"num_sequences={self.corpus.num_sequences} less held_out={self.held_out} must leave at least one "
                f"batch of {self.batch_size}"
            )

    def changed(self, **settings: Any) -> Self:
        """A copy with other settings, each given by its own name, whichever part it is in: `changed(dropout=0.1)`.

        Raises:
            ValueError: A name that is no setting; those of an objective or a corpus come with a new one.
        """
        own = {field.name for field in dataclasses.fields(self)}
        changes = {name: value for name, value in settings.items() if name in own}
        for part, kind in _PARTS.items():
            names = settings.keys() & {field.name for field in dataclasses.fields(kind)}
            if names:
                begun = changes.get(part, getattr(self, part))
                changes[part] = dataclasses.replace(begun, **{name: settings.pop(name) for name in names})
        if unknown := settings.keys() - own:
            raise ValueError(f"no setting of a run is called {', '.join(sorted(unknown))}")
        return dataclasses.replace(self, **changes)

    def transformer(self, vocab_size: int) -> TransformerConfig:
        """The network this run trains on a vocabulary."""
        return self.network.transformer(vocab_size, self.objective)

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the training part of the corpus."""
        assert self.corpus is not None
        return (self.corpus.num_sequences - self.held_out) // self.batch_size

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        if self.steps is not None:
            return self.steps
        assert self.corpus is not None
        assert self.corpus.epochs is not None
        return self.corpus.epochs * self.steps_per_epoch


_PARTS = {"network": NetworkConfig, "optimizer": OptimizerConfig, "run": RunConfig, "device": DeviceConfig}
