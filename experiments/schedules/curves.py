"""What has to be known of a language to choose schedules, and to judge them: exact where it can be, else sampled."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray

from experiments.shared.sampled_curves import sampled_curves
from languages import Estimate, Language
from languages.closed_forms import having
from languages.information import (
    InformationCurve,
    conflict_curve,
    estimate_conflict_curve,
    information_curve,
    is_first_order,
)
from mdmtheory.exact.optimal import Curve

Weights = NDArray[np.float64]


@dataclasses.dataclass(frozen=True, eq=False)
class ScheduleCurves:
    """Curves that choose schedules and the path law that judges them.

    Where curves are sampled, those that choose and those that judge come from different sequences.

    Attributes:
        h: Information curve by revealed fraction, nats, non-decreasing.
        h_prime: Its slope.
        g: Conflict curve; None where no two tokens ever contradict each other.
        z: (L,) information curve by number of revealed positions; None where only h is known.
        path_kl: Path KL (nats) of reveal probabilities.
    """

    h: Curve
    h_prime: Curve
    g: Curve | None
    z: NDArray[np.float64] | None
    path_kl: Callable[[Weights], Estimate]


def schedule_curves(language: Language, length: int, sequences: int, generator: torch.Generator) -> ScheduleCurves:
    """Everything known of a language: exact for first-order chains, closed forms where there are some, else sampled.

    Args:
        language: Any language.
        length: L.
        sequences: Sequences for each curve that has to be sampled.
        generator: Source of randomness on the language's device.
    """
    g = _conflicts(language, length, sequences, generator)
    forms = having(language.closed_forms, "information_curve")
    if is_first_order(language):
        known = information_curve(language, length)
    elif forms is not None:
        known = InformationCurve(forms.information_curve(length))
    else:
        return _sampled(language, length, sequences, generator, g)
    return ScheduleCurves(
        h=known.mean,
        h_prime=lambda t: known.h_prime(t).cpu().numpy(),
        g=g,
        z=known.z.cpu().numpy(),
        path_kl=known.path_kl,
    )


def _conflicts(language: Language, length: int, sequences: int, generator: torch.Generator) -> Curve | None:
    """Exact conflict curve, else the mean of a sampled one."""
    try:
        curve = conflict_curve(language, length)
    except ValueError:  # no first-order chain, and too many sequences to enumerate
        sampled = estimate_conflict_curve(language, length, num_sequences=sequences, generator=generator)
        return (lambda t: np.maximum(sampled.mean(t), 0.0)) if sampled.samples.any() else None
    return curve.mean if bool((curve.gamma > 0).any()) else None


def _sampled(
    language: Language, length: int, sequences: int, generator: torch.Generator, g: Curve | None
) -> ScheduleCurves:
    """One sampled curve to choose by, another one to judge."""
    grid, values, judges = sampled_curves(language, length, sequences, generator)
    slope = np.maximum(np.gradient(values, grid), 0.0)
    return ScheduleCurves(
        h=lambda t: np.interp(t, grid, values),
        h_prime=lambda t: np.interp(t, grid, slope),
        g=g,
        z=None,
        path_kl=judges.path_kl,
    )
