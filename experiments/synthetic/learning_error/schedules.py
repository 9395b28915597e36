"""The information curve as a network sees it, the schedule it recommends, and what that is worth under the truth.

| schedule | reveals | knows |
|---|---|---|
| uniform | w_k = 1/N | nothing |
| network | least path KL for the curve from the network's losses | held-out sequences, no law |
| network-root | density √h' of that curve | the same |
| network-entropy | least path KL for the curve from the network's own entropies | the same |
| best | least path KL for the true curve | the law |
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray

from languages import Estimate, Language
from languages.information import InformationCurve, information_curve
from mdmtheory.denoisers import NetworkDenoiser
from mdmtheory.estimates import estimate_path_curve, learning_error_curve, network_information_curve
from mdmtheory.exact import path
from mdmtheory.exact.optimal import Curve, best_reveal, density_reveal

if TYPE_CHECKING:
    from experiments.harness import Row
    from experiments.synthetic.learning_error.cells import LearningCell

Weights = NDArray[np.float64]
FINE = 2049
"""Points at which a sampled curve is made monotone."""
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

        def path_kl(reveal: Weights) -> Estimate:
            return Estimate.exact(path.curve_path_kl(known, torch.as_tensor(reveal)), law="path", unit="nats")

        return TrueCurve(
            curve_of(known), lambda t: [Estimate.exact(float(value), unit="nats") for value in known.h(t)], path_kl
        )
    generator = torch.Generator(device=language.device).manual_seed(seed)
    chooses, judges = (
        estimate_path_curve(language, length, num_sequences=sequences, generator=generator) for _ in range(2)
    )
    grid = np.sin(np.linspace(0.0, np.pi / 2, FINE)) ** 2
    values = np.maximum.accumulate(np.maximum(chooses.mean(grid), 0.0))
    return TrueCurve(lambda t: np.interp(t, grid, values), judges.h, judges.path_kl)


def curve_of(curve: InformationCurve) -> Curve:
    """The curve as schedules are made from it."""
    return lambda t: curve.h(t).cpu().numpy()


def schedule_rows(
    cell: LearningCell, language: Language, model: NetworkDenoiser, generator: torch.Generator
) -> list[Row]:
    """Curves, schedules, their path KL under the exact denoiser and under the network, and uniform steps as good."""
    truth = true_curve(language, cell.length, cell.sequences, cell.seed)
    tokens = language.sample(2 * cell.sequences, cell.length, generator=generator)
    losses = network_information_curve(model, tokens, generator=generator)
    entropies = network_information_curve(model, tokens, kind="entropy", generator=generator)
    error = learning_error_curve(model, language, tokens, generator=generator)
    rows: list[Row] = []
    for source, denoiser, curve in (
        ("truth", "oracle", truth.information(losses.nodes)),
        ("network", "mdm", losses.h(losses.nodes)),
        ("network-entropy", "mdm", entropies.h(losses.nodes)),
    ):
        for t, value in zip(losses.nodes, curve, strict=True):
            rows.append(
                cell.learning_row(value, "information", denoiser=denoiser, sampler="", revealed=float(t), source=source)
            )
    seen, believed = losses.nearest(), entropies.nearest()
    families: dict[str, Callable[[int], Weights]] = {
        "uniform": lambda n: np.full(n, 1 / n),
        "network": lambda n: best_reveal(curve_of(seen), n),
        "network-root": lambda n: density_reveal(lambda t: np.sqrt(seen.h_prime(t).cpu().numpy().clip(min=0.0)), n),
        "network-entropy": lambda n: best_reveal(curve_of(believed), n),
        "best": lambda n: best_reveal(truth.h, n),
    }
    for name, family in families.items():
        for n in cell.schedule_steps:
            weights = family(n)
            kl, before = truth.path_kl(weights), np.concatenate([[0.0], np.cumsum(weights)])[:-1].clip(0, 1)
            learned = error.linear(before, cell.length * weights, law="path")
            places = {"sampler": name, "steps": n}
            rows.append(cell.learning_row(kl, "kl", denoiser="oracle", source="schedule", **places))
            rows.append(cell.learning_row(kl + learned, "kl", denoiser="mdm", source="schedule", **places))
            # A sampled curve errs in the same direction for all its schedules: the ends are further apart than need be.
            alike, fewest, most = (uniform_steps(truth, target) for target in (kl.value, kl.high, kl.low))
            equal = Estimate(alike, fewest, most, kl.method, "path", "steps")
            rows.append(cell.learning_row(equal, "uniform_steps", denoiser="oracle", source="schedule", **places))
        shown = max(cell.schedule_steps)
        for k, fraction in enumerate([0.0, *np.cumsum(family(shown)).clip(max=1.0)]):
            drawn = Estimate.exact(float(fraction), unit="ratio")
            rows.append(cell.learning_row(drawn, "revealed_fraction", sampler=name, steps=shown, after=k))
    return rows


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
