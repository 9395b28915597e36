"""Where the information curve of a language has to be sampled: one sample to choose schedules by, another to judge."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from languages import Language
from languages.information import SampledInformationCurve, estimate_information_curve

FINE = 2049
"""Points at which a sampled curve is made monotone."""


class SampledCurves(NamedTuple):
    """An information curve to choose by, and one of other sequences that judges the choice.

    Attributes:
        grid: (FINE,) revealed fractions, dense at both ends.
        values: (FINE,) the curve there, made non-negative and non-decreasing, nats.
        judges: The other curve.
    """

    grid: NDArray[np.float64]
    values: NDArray[np.float64]
    judges: SampledInformationCurve


def sampled_curves(language: Language, length: int, sequences: int, generator: torch.Generator) -> SampledCurves:
    """Both curves of a language.

    Args:
        language: Any language.
        length: L.
        sequences: Sequences for each curve.
        generator: Source of randomness on the language's device.
    """
    chooses, judges = (
        estimate_information_curve(language, length, num_sequences=sequences, generator=generator) for _ in range(2)
    )
    grid = np.sin(np.linspace(0.0, np.pi / 2, FINE)) ** 2
    return SampledCurves(grid, np.maximum.accumulate(np.maximum(chooses.mean(grid), 0.0)), judges)
