"""What a training run is: one frozen dataclass."""

from __future__ import annotations

import dataclasses
import math
from typing import Literal, get_args

from languages.checks import check_count, check_fraction
from mdmtheory.diffusion.losses import Masking, TimeSampling
from mdmtheory.diffusion.parametrisations import Parametrisation
from mdmtheory.diffusion.schedules import schedule_from
from mdmtheory.networks.config import TimeInput, TransformerConfig
from mdmtheory.networks.sizes import SIZES, transformer_config

Kind = Literal["mdm", "ar"]
Noise = Literal["absorbing", "uniform"]
LossName = Literal["any-order", "subs", "d3pm", "score-entropy"]
Data = Literal["on-the-fly", "fixed"]
Decay = Literal["cosine", "linear", "none"]
Precision = Literal["auto", "32-true", "bf16-mixed", "bf16-true", "64-true"]


@dataclasses.dataclass(frozen=True)
class TrainingConfig:
    """Everything that decides what a training run does.

    Attributes:
        kind: "mdm", a diffusion model trained on a bound of its log-likelihood, or "ar", an autoregressive one on
            cross-entropy.
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
        time_conditioned: Condition the network on the noise level (mdm only). Needed under uniform noise, whose
            posterior depends on it, and for plain scores, whose scale does.
        time_input: In which form it is told the level; see `TransformerConfig`.
        process: "absorbing" noise (masks), or "uniform" (mdm only).
        loss: "any-order", the masked NELBO by the number or the share of masks; "subs", the same by time; "d3pm", the
            bound of N discrete steps; "score-entropy", SEDD's. Uniform noise has the last two.
        parametrisation: What the network's output means: "posterior", "leave-one-out", "score" or "scaled-score"; see
            `mdmtheory.diffusion.parametrisations`. Scores are for "score-entropy", which takes the others too.
        schedule: Noise schedule of the losses that have a time, all but "any-order"; see
            `mdmtheory.diffusion.schedule_from`.
        loss_steps: N of "d3pm"; with "subs" N steps instead of continuous time.
        masking: With "any-order": "count", exactly k hidden with k spread over 1 … L (lower variance), or "bernoulli"
            (the NELBO as MDLM has it).
        skew: With "count": above 1, rows with few holes come more often and weigh less; see `AnyOrder`.
        time_sampling: How the noise levels of a batch cover [0, 1]; see `diffusion.losses.times`.
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
        compile: Backend of torch.compile for the blocks, such as "inductor": the first step takes longer, the others
            less. Blocks are alike, so one is compiled for all; the last, which sees another number of positions at
            every step, is not. None runs them as they are.
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
    time_input: TimeInput = "fraction"
    process: Noise = "absorbing"
    loss: LossName = "any-order"
    parametrisation: Parametrisation = "posterior"
    schedule: str = "linear"
    loss_steps: int | None = None
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
    compile: str | None = None

    def __post_init__(self) -> None:
        choices = {"kind": Kind, "decay": Decay, "masking": Masking, "time_sampling": TimeSampling, "data": Data,
                   "precision": Precision, "process": Noise, "loss": LossName, "parametrisation": Parametrisation,
                   "time_input": TimeInput}  # fmt: skip
        for name, kinds in choices.items():
            if getattr(self, name) not in get_args(kinds):
                raise ValueError(f"{name} must be one of {', '.join(get_args(kinds))}; got {getattr(self, name)!r}")
        if self.size not in SIZES:
            raise ValueError(f"size must be one of {', '.join(SIZES)}; got {self.size!r}")
        for name in ("batch_size", "log_every", "num_sequences"):
            check_count(name, getattr(self, name))
        for name in ("seed", "held_out"):
            check_count(name, getattr(self, name), least=0)
        for name in ("steps", "epochs", "checkpoint_every", "loss_steps"):
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
        self._check_loss()
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

    def _check_loss(self) -> None:
        """Refuse noise, loss and parametrisation that do not go together."""
        schedule_from(self.schedule)
        if self.kind == "ar":
            for name in ("process", "loss", "parametrisation", "schedule", "loss_steps"):
                if getattr(self, name) != type(self).__dataclass_fields__[name].default:
                    raise ValueError(f"{name} is for kind='mdm': an autoregressive model has no noise, got {name}="
                                     f"{getattr(self, name)!r}")  # fmt: skip
        if self.process == "uniform" and self.loss not in ("d3pm", "score-entropy"):
            raise ValueError(f"loss must be d3pm or score-entropy with process='uniform', got {self.loss!r}")
        if self.process == "uniform" and not self.time_conditioned:
            raise ValueError("time_conditioned must be True with process='uniform': its posterior depends on the time")
        if "score" in self.parametrisation and self.loss != "score-entropy":
            raise ValueError(f"parametrisation must be no score with loss={self.loss!r}, got {self.parametrisation!r}")
        if self.parametrisation == "score" and not self.time_conditioned:
            raise ValueError("time_conditioned must be True with parametrisation='score', whose scale depends on the "
                             "time; 'scaled-score' needs no time under absorbing noise")  # fmt: skip
        if self.loss == "d3pm" and self.loss_steps is None:
            raise ValueError("loss_steps must be given with loss='d3pm': the number of discrete steps")
        if self.loss_steps is not None and self.loss not in ("d3pm", "subs"):
            raise ValueError(f"loss_steps is for d3pm and subs, got loss={self.loss!r} and {self.loss_steps}")
        if self.loss == "any-order" and self.schedule != "linear":
            raise ValueError(f"schedule must be linear with loss='any-order', which has no time; got {self.schedule!r}")

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
            time_input=self.time_input,
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
