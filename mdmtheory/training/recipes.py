"""Training runs by name, with what they were measured to reach.

"Excess" is the error of the learned conditionals, E KL(q(x_i | revealed) ‖ p_θ(x_i | revealed)) in nats per token
under the weights of the NELBO (for an autoregressive model KL(q ‖ p)/L): how far the NELBO is above the entropy of the
language. A hundredth of a nat is one per cent of TER.

Demo, L = 64, the default languages, two runs side by side on the 2 cores of an AMD EPYC virtual machine, wall time
(about 43 thousand tokens a second each), excess at 256 uniform steps:

    language   mdm, 3600 steps                  ar, 600 steps
    2-gram     84 s, excess 0.0048 ± 0.0002     15 s, excess 0.0021 ± 0.0002
    3-gram     85 s, excess 0.062 ± 0.003       14 s, excess 0.0083 ± 0.0005
    hmm        80 s, excess 0.017 ± 0.001       15 s, excess 0.0033 ± 0.0004

These are of drawn tokens and without boundary tokens. On exact targets, between boundary tokens, the same steps leave
0.00017, 0.0165 ± 0.0009 and 0.0028 ± 0.0003 for the MDM, in 87 to 88 s; what follows was tried before.

A 3-gram takes an MDM longer: it has to learn what pairs of neighbours mean on both sides of a hole (2000 steps: 0.099).
What single runs on 2-grams (one seed, pairs that differ in little else) said for each choice: rotary base 30 instead of
10⁴, 0.014 → 0.010; 4 heads instead of 2, 0.031 → 0.022; batches of 16 instead of half as many of 32, 0.017 → 0.010;
weight decay 0.01 instead of 0.1, 0.019 → 0.010; skew 2 instead of 1, 0.0145 → 0.012 and less time per step; a local
start, 0.018 → 0.006 (on the 3-gram 0.22 → 0.085). Averaged weights equal the last ones to 1 %, as the learning rate
falls to zero.

Variants on the 2-gram, L = 64: excess of the bound over that of the exact posterior at the same times and noise, nats
per token (5120 sequences), and processor time on one core. A network that says zero everywhere has 0.625 under
"sedd-absorb" and 0.617 under the two variants with uniform noise.

    variant         loss and output                      800 steps                    demo, cut at 40, 47, 63 s
    sedd-absorb     score entropy, scaled score          23 s, 0.0201 ± 0.0012        0.0113 ± 0.0009
    sedd-uniform    score entropy, plain score           29 s, 0.0521 ± 0.0036        0.0387 ± 0.0030
    uniform         score entropy, leave-one-out law     28 s, 0.0419 ± 0.0032        0.0312 ± 0.0028
                    score entropy, posterior             30 s, 0.0427 ± 0.0034

Under uniform noise a network learns later, whatever its output means. Embedding the log-odds of the noise level instead
of its fraction changed nothing (0.0530); the linear schedule instead of the geometric one was worse (0.069 ± 0.018).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal, get_args

from mdmtheory.networks.operations import BACKWARD, forward_operations
from mdmtheory.training.config import Corpus, NetworkConfig, RunConfig, TrainingConfig
from mdmtheory.training.objectives import AR, D3PM, SEDD, Objective, Targets
from mdmtheory.training.optimizer import OptimizerConfig

Kind = Literal["mdm", "ar"]

_DEMO = TrainingConfig(
    steps=3600,
    batch_size=16,
    held_out=512,
    network=NetworkConfig(local_start=True, rotary_base=30.0),
    optimizer=OptimizerConfig(learning_rate=4e-3, ema_decay=0.99),
    run=RunConfig(log_every=20, time_limit_seconds=110.0),
)
_WINDOW = _DEMO.changed(
    steps=20_000, batch_size=256, learning_rate=1e-3, size="base", ema_decay=0.999, held_out=4096,
    log_every=200, time_limit_seconds=150.0, compile="inductor",
)  # fmt: skip
_PAPER = TrainingConfig(
    batch_size=512,
    corpus=Corpus(num_sequences=1_000_000, epochs=20),
    network=NetworkConfig(size="base", local_start=True),
    optimizer=OptimizerConfig(learning_rate=1e-3, warmup=1000, ema_decay=0.9999),
    run=RunConfig(checkpoint_every=1000, log_every=100),
)

RECIPES = MappingProxyType(
    {
        ("smoke", "mdm"): _DEMO.changed(steps=60, size="nano", held_out=64),
        ("smoke", "ar"): _DEMO.changed(objective=AR(), steps=40, size="nano", held_out=64),
        ("demo", "mdm"): _DEMO,
        ("demo", "ar"): _DEMO.changed(objective=AR(), steps=600, learning_rate=5e-3, time_limit_seconds=30.0),
        ("window", "mdm"): _WINDOW,
        ("window", "ar"): _WINDOW.changed(objective=AR()),
        ("paper", "mdm"): _PAPER,
        ("paper", "ar"): _PAPER.changed(objective=AR()),
    }
)
"""Training runs by name and kind. "paper" is resumable once the caller gives it a checkpoint_dir."""

VARIANTS: Mapping[str, Objective] = MappingProxyType(
    {
        "sedd-absorb": SEDD(parametrisation="scaled-score"),
        "sedd-uniform": SEDD(noise="uniform", parametrisation="score", schedule="geometric"),
        "uniform": SEDD(noise="uniform", parametrisation="leave-one-out", schedule="geometric"),
        "d3pm-uniform": D3PM(256, noise="uniform", parametrisation="leave-one-out"),
    }
)
"""Other losses and noises for an MDM recipe, by name."""

_CPU_SPEED = 3.0e10
"""Useful operations per second of one CPU core on networks this small (the demo's 3600 steps in 80 s)."""
_GPU_SPEED = 1.0e14
"""One accelerator in bfloat16, networks of 6 M: a guess. An H200 reached 2.3e14 with 85 M, 3.8e14 with 1 G."""
_GPU_STEP = 5e-3
"""A guess for the least time of a step there."""
_STARTUP = 8.0
"""Importing the training libraries, seconds."""


def recipe(name: str, kind: Kind, *, variant: str | None = None, targets: Targets = "samples") -> TrainingConfig:
    """Return a training run by name.

    Args:
        name: "smoke" (seconds: does it run?), "demo" (a minute on one CPU core), "window" (150 seconds of a GPU) or
            "paper" (20 epochs of a million sequences on a GPU).
        kind: "mdm" or "ar".
        variant: Another loss or noise for an "mdm", see `VARIANTS`: "sedd-absorb", "sedd-uniform",
            "uniform" or "d3pm-uniform".
        targets: What the loss compares with: the tokens that were drawn, or their "exact" law; see `Objective`.

    Raises:
        ValueError: An unknown name, kind or variant.
    """
    names = dict.fromkeys(name for name, _ in RECIPES)
    if name not in names:
        raise ValueError(f"recipe must be one of {', '.join(names)}; got {name!r}")
    if kind not in get_args(Kind):
        raise ValueError(f"kind must be one of {', '.join(get_args(Kind))}; got {kind!r}")
    if variant is None:
        return _with_targets(RECIPES[name, kind], targets)
    if variant not in VARIANTS or kind != "mdm":
        raise ValueError(f"variant must be one of {', '.join(VARIANTS)}, for kind mdm; got {variant!r} for {kind!r}")
    return _with_targets(RECIPES[name, kind].changed(objective=VARIANTS[variant]), targets)


def _with_targets(config: TrainingConfig, targets: Targets) -> TrainingConfig:
    return config.changed(objective=dataclasses.replace(config.objective, targets=targets))  # type: ignore[type-var]


def estimated_seconds(name: str, kind: Kind, length: int, *, on_cpu: bool) -> float:
    """Rough time of a recipe, start-up included: operations over speed, at most the recipe's time limit.

    Args:
        name: See `recipe`.
        kind: See `recipe`.
        length: L.
        on_cpu: On one CPU core, rather than on one accelerator.

    Raises:
        ValueError: An unknown name or kind.
    """
    config = recipe(name, kind)
    operations = (1 + BACKWARD) * forward_operations(config.transformer(vocab_size=8), config.batch_size, length)
    per_step = operations / (_CPU_SPEED if on_cpu else _GPU_SPEED)
    seconds = config.total_steps * (per_step if on_cpu else max(per_step, _GPU_STEP))
    return _STARTUP + min(seconds, config.run.time_limit_seconds or seconds)
