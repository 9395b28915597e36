"""What a training run is: one frozen dataclass."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from languages.checks import check_count, check_fraction
from mdmtheory.diffusion.masking import Masking, TimeSampling
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.sizes import SIZES, transformer_config

Kind = Literal["mdm", "ar"]
Data = Literal["on-the-fly", "fixed"]
Decay = Literal["cosine", "linear", "none"]
Precision = Literal["auto", "32-true", "bf16-mixed", "bf16-true", "64-true"]


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training run does.

    Attributes:
        kind: "mdm", a masked diffusion model trained on its NELBO, or "ar", an autoregressive one on cross-entropy.
        steps: Optimizer steps; give this or `epochs`.
        epochs: Passes over the fixed corpus (data="fixed" only).
        batch_size: Sequences per step, over all devices together.
        learning_rate: Peak learning rate of AdamW.
        warmup: Steps of linear warm-up; a number below one is a fraction of the run.
        decay: "cosine" or "linear" to zero at the end, or "none".
        weight_decay: On matrices only; gains and biases have none.
        betas: Averaging of AdamW's first and second moments.
        gradient_clip: Largest norm of the gradient; None for no limit.
        ema_decay: Largest decay of the weight average that is returned; see `training.ema`.
        seed: Seed of the weights, the data and the masks.
        size: A named size of the network (`mdmtheory.networks.SIZES`).
        hidden_size: Width instead of the size's.
        num_layers: Depth instead of the size's.
        num_heads: Heads instead of the size's.
        rotary_base: Base of the rotary frequencies. Turns slower than the length serve nothing, and small networks
            learn short languages sooner without them.
        local_start: Whether attention starts with the neighbours; see `TransformerConfig`.
        dropout: Dropout probability.
        time_conditioned: Condition the network on the noise fraction (mdm only).
        masking: "count", exactly k hidden with k spread over 1 … L (lower variance), or "bernoulli" (the NELBO as MDLM
            has it).
        skew: With "count": above 1, rows with few holes come more often and weigh less; see `diffusion.count_masks`.
        time_sampling: How the noise levels of a batch cover [0, 1]; see `diffusion.masking.unit_levels`.
        data: "on-the-fly", fresh sequences at every step, or "fixed", a corpus generated once and passed over in
            seeded permutations.
        num_sequences: Size of the fixed corpus, held-out part included.
        held_out: Sequences that are never trained on and on which the result is evaluated; 0 for none.
        checkpoint_every: Steps between checkpoints; None for one at the end alone.
        checkpoint_dir: Folder of the checkpoint; None for no checkpoints at all. A run whose folder holds a checkpoint
            of the same run goes on from it.
        time_limit_seconds: Stop after this much training time, learning-rate decay included: the decay follows
            whichever is further on, steps or time. A run that the limit cuts is not reproducible bit for bit.
        log_every: Steps per entry of the history.
        accelerator: Fabric's: "auto", "cpu", "cuda", …
        devices: Fabric's: how many, or which.
        strategy: Fabric's: "auto", "ddp", "fsdp", …
        precision: Fabric's, or "auto": bf16-mixed on CUDA, else 32-true.
    """

    kind: Kind = "mdm"
    steps: int | None = None
    epochs: int | None = None
    batch_size: int = 64
    learning_rate: float = 3e-3
    warmup: float = 0.05
    decay: Decay = "cosine"
    weight_decay: float = 0.01
    betas: tuple[float, float] = (0.9, 0.95)
    gradient_clip: float | None = 1.0
    ema_decay: float = 0.999
    seed: int = 0
    size: str = "tiny"
    hidden_size: int | None = None
    num_layers: int | None = None
    num_heads: int | None = None
    rotary_base: float = 10000.0
    local_start: bool = False
    dropout: float = 0.0
    time_conditioned: bool = False
    masking: Masking = "count"
    skew: float = 2.0
    time_sampling: TimeSampling = "stratified"
    data: Data = "on-the-fly"
    num_sequences: int = 1_000_000
    held_out: int = 10_000
    checkpoint_every: int | None = None
    checkpoint_dir: str | None = None
    time_limit_seconds: float | None = None
    log_every: int = 50
    accelerator: str = "auto"
    devices: int | str = 1
    strategy: str = "auto"
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        choices = {"kind": Kind, "decay": Decay, "masking": Masking, "time_sampling": TimeSampling, "data": Data,
                   "precision": Precision}  # fmt: skip
        for name, kinds in choices.items():
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name} must be one of {', '.join(get_args(kinds))}; got {getattr(self, name)!r}")
        if self.size not in SIZES:
            raise ValueError(f"size must be one of {', '.join(SIZES)}; got {self.size!r}")
        for name in ("batch_size", "log_every", "num_sequences"):
            check_count(name, getattr(self, name))
        for name in ("seed", "held_out"):
            check_count(name, getattr(self, name), least=0)
        for name in ("steps", "epochs", "checkpoint_every"):
            if getattr(self, name) is not None:
                check_count(name, getattr(self, name))
        for name in ("learning_rate", "gradient_clip", "time_limit_seconds"):
            value = getattr(self, name)
            if value is not None and not 0 < value < math.inf:
                raise ValueError(f"{name} must be positive and finite, got {value!r}")
        for name in ("warmup", "weight_decay"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{name} must be at least zero and finite, got {getattr(self, name)!r}")
        if not 1 <= self.skew < math.inf:
            raise ValueError(f"skew must be at least one and finite, got {self.skew!r}")
        object.__setattr__(self, "betas", tuple(self.betas))
        for name, value in (("ema_decay", self.ema_decay), ("betas", self.betas[0]), ("betas", self.betas[-1])):
            if check_fraction(name, value) == 1 or len(self.betas) != 2:
                raise ValueError(f"{name} must lie in [0, 1), got {getattr(self, name)!r}")
        self._check_combinations()
        self.network(vocab_size=2)

    def _check_combinations(self) -> None:
        if (self.steps is None) == (self.epochs is None):
            raise ValueError(f"give exactly one of steps and epochs, got steps={self.steps}, epochs={self.epochs}")
        if self.epochs is not None and self.data != "fixed":
            raise ValueError("epochs need data='fixed': data on the fly never repeats; give steps instead")
        if self.data == "fixed" and self.num_sequences - self.held_out < self.batch_size:
            raise ValueError(
                f"num_sequences={self.num_sequences} less held_out={self.held_out} must leave at least one batch of "
                f"{self.batch_size}"
            )

    def network(self, vocab_size: int) -> TransformerConfig:
        """The network this run trains on a vocabulary."""
        overrides = {
            name: getattr(self, name)
            for name in ("hidden_size", "num_layers", "num_heads")
            if getattr(self, name) is not None
        }
        return transformer_config(
            self.size,
            vocab_size,
            causal=self.kind == "ar",
            time_conditioned=self.time_conditioned,
            dropout=self.dropout,
            rotary_base=self.rotary_base,
            local_start=self.local_start,
            **overrides,
        )

    @property
    def steps_per_epoch(self) -> int:
        """Full batches in one pass over the training part of the fixed corpus."""
        return (self.num_sequences - self.held_out) // self.batch_size

    @property
    def total_steps(self) -> int:
        """Optimizer steps of the whole run."""
        return self.steps if self.steps is not None else (self.epochs or 0) * self.steps_per_epoch
