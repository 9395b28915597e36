"""The path law of any language, from Rao–Blackwellised samples of its information curve.

The path KL of a grid, Σ_k ∫(h(u) − h(t_{k−1})) du, is linear in the information curve h, so one set of samples of h
(`languages.information.estimate_information_curve`) serves every schedule. On a uniform grid of many steps the value
hangs on h(1) − h(0) alone, which is known exactly for n-grams and precisely for others; its interval holds the error of
interpolation between the nodes too.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from languages import Language
from languages.estimate import Estimate
from languages.information import SampledInformationCurve, estimate_information_curve
from languages.information.estimates import DEFAULT_NODES
from languages.reveals import reveal_probabilities, revealed_before


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class PathCurve(SampledInformationCurve):
    """Independent samples of the information curve of one language at one length, and the path law they give."""

    def information(self) -> list[Estimate]:
        """h(t) at each node, nats."""
        return self.h(self.nodes)

    def path_kl(self, reveal: Sequence[float] | NDArray[np.float64] | Tensor) -> Estimate:
        """Path KL (nats) of Bernoulli reveals, with a 95 % interval.

        Args:
            reveal: (N,) reveal probabilities w_k.
        """
        weights = reveal_probabilities(reveal)
        return self.linear(revealed_before(weights).numpy(), -weights.numpy(), integral=1.0, law="path")


def estimate_path_curve(
    language: Language,
    length: int,
    *,
    num_sequences: int = 256,
    num_nodes: int = DEFAULT_NODES,
    generator: torch.Generator | None = None,
) -> PathCurve:
    """Sample the information curve of any language; see `languages.information.estimate_information_curve`.

    Args:
        language: Any language.
        length: L ≥ 1.
        num_sequences: Independent sequences x ~ q, at least 2.
        num_nodes: Revealed fractions at which the curve is sampled, 4k + 1.
        generator: Source of randomness on the language's device.
    """
    curve = estimate_information_curve(
        language, length, num_sequences=num_sequences, num_nodes=num_nodes, generator=generator
    )
    return PathCurve(curve.length, curve.samples, curve.surplus, curve.known_integral, curve.known_end)


def estimate_path_kl(
    language: Language,
    length: int,
    reveal: Float[Tensor, " N"],
    *,
    num_sequences: int = 256,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Path KL (nats) of the exact denoiser under Bernoulli reveals, for any language, with a 95 % interval.

    For many schedules of one language take `estimate_path_curve` once and ask it for each.

    Args:
        language: Any language; first-order chains have `exact.path.path_kl`.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k.
        num_sequences: Independent sequences, at least 2.
        generator: Source of randomness on the language's device.
    """
    reveal_probabilities(reveal)
    return estimate_path_curve(language, length, num_sequences=num_sequences, generator=generator).path_kl(reveal)
