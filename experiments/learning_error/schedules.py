"""The information curve as a network sees it, the schedule it recommends, and what that is worth under the truth.

| schedule | reveals | knows |
|---|---|---|
| uniform | w_k = 1/N | nothing |
| network | least path KL for the curve from the network's losses | held-out sequences, no law |
| network-root | density √h' of that curve | the same |
| network-entropy | least path KL for the curve from the network's own entropies | the same |
| best | least path KL for the true curve | the law |

`learned_schedules` yields (estimate, metric, places), as the measures do.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.learning_error.measures import Measured
from experiments.shared.sampled_curves import sampled_curves
from languages import Estimate, Language
from languages.information import information_curve
from mdmtheory.denoisers import Denoiser
from mdmtheory.estimates import learning_error_curve, network_information_curve
from mdmtheory.exact import path
from mdmtheory.exact.optimal import Curve, best_reveal, density_reveal

Weights = NDArray[np.float64]
MOST_UNIFORM = 4096
"""Uniform steps beyond which nobody looks for as good a path KL."""


@dataclasses.dataclass(frozen=True, eq=False)
class TrueCurve:
    """What the law says: exact for first-order chains, else sampled, one curve to choose by and another to judge.

    Attributes:
        h: Curve that schedules are chosen by.
        information: h(t) with its interval.
        path_kl: Path KL (nats) of the exact denoiser for reveal probabilities.
    """

    h: Curve
    information: Callable[[Weights], list[Estimate]]
    path_kl: Callable[[Weights], Estimate]


def true_curve(language: Language, length: int, sequences: int, seed: int) -> TrueCurve:
    """The curve of a language; the same arguments give the same numbers in every cell."""
    if path.has_exact_curve(language):
        known = information_curve(language, length)
        return TrueCurve(known.mean, known.at, known.path_kl)
    generator = torch.Generator(device=language.device).manual_seed(seed)
    grid, values, judges = sampled_curves(language, length, sequences, generator)
    return TrueCurve(lambda t: np.interp(t, grid, values), judges.h, judges.path_kl)


def learned_schedules(
    model: Denoiser,
    language: Language,
    length: int,
    steps: Sequence[int],
    *,
    num_sequences: int,
    seed: int,
    generator: torch.Generator,
) -> Iterator[Measured]:
    """Curves, schedules, their path KL under the exact denoiser and under the network, and uniform steps as good.

    Args:
        model: What has learned the language.
        language: The language.
        length: L.
        steps: Numbers of steps N; schedules are written down at the largest.
        num_sequences: Sequences for a true curve that has to be sampled; twice as many for what the model sees.
        seed: Seed of such a curve.
        generator: Source of randomness on the language's device.
    """
    truth = true_curve(language, length, num_sequences, seed)
    tokens = language.sample(2 * num_sequences, length, generator=generator)
    losses = network_information_curve(model, tokens, generator=generator)
    entropies = network_information_curve(model, tokens, kind="entropy", generator=generator)
    error = learning_error_curve(model, language, tokens, generator=generator)
    for source, denoiser, curve in (
        ("truth", "oracle", truth.information(losses.nodes)),
        ("network", "mdm", losses.h(losses.nodes)),
        ("network-entropy", "mdm", entropies.h(losses.nodes)),
    ):
        for t, value in zip(losses.nodes, curve, strict=True):
            yield value, "information", {"denoiser": denoiser, "sampler": "", "revealed": float(t), "source": source}
    seen, believed = losses.nearest(), entropies.nearest()
    families: dict[str, Callable[[int], Weights]] = {
        "uniform": lambda n: np.full(n, 1 / n),
        "network": lambda n: best_reveal(seen.mean, n),
        "network-root": lambda n: density_reveal(lambda t: np.sqrt(seen.h_prime(t).cpu().numpy().clip(min=0.0)), n),
        "network-entropy": lambda n: best_reveal(believed.mean, n),
        "best": lambda n: best_reveal(truth.h, n),
    }
    shown = max(steps)
    for name, family in families.items():
        for n in steps:
            weights = family(n)
            kl, before = truth.path_kl(weights), np.concatenate([[0.0], np.cumsum(weights)])[:-1].clip(0, 1)
            learned = error.linear(before, length * weights, law="path")
            exact = {"sampler": name, "steps": n, "denoiser": "oracle", "source": "schedule"}
            yield kl, "kl", exact
            yield kl + learned, "kl", {**exact, "denoiser": "mdm"}
            # A sampled curve errs in the same direction for all its schedules: the ends are further apart than need be.
            alike, fewest, most = (uniform_steps(truth, target) for target in (kl.value, kl.high, kl.low))
            yield Estimate(alike, fewest, most, kl.method, "path", "steps"), "uniform_steps", exact
        for k, fraction in enumerate([0.0, *np.cumsum(family(shown)).clip(max=1.0)]):
            drawn = Estimate.exact(float(fraction), unit="ratio")
            yield drawn, "revealed_fraction", {"sampler": name, "steps": shown, "after": k}


def uniform_steps(truth: TrueCurve, target: float) -> float:
    """How many uniform steps have a given path KL: the price of not knowing the curve; by 1/KL in between."""

    def uniform(steps: int) -> float:
        return truth.path_kl(np.full(steps, 1 / steps)).value

    low, high = 0, 1
    while high < MOST_UNIFORM and uniform(high) > target:
        low, high = high, 2 * high
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if uniform(middle) > target else (low, middle)
    if low == 0 or uniform(high) > target:
        return high
    below, above = 1 / uniform(low), 1 / uniform(high)
    return low + (1 / target - below) / (above - below)
