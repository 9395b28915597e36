"""The path law of any language, from Rao–Blackwellised samples of its information curve.

The path KL of a grid, Σ_k ∫(h(u) − h(t_{k−1})) du, is linear in the information curve h, so one set of samples of h
(`languages.information.estimate_information_curve`) serves every schedule. On a uniform grid of many steps the value
hangs on h(1) − h(0) alone, which is known exactly for n-grams and precisely for others; its interval holds the error of
interpolation between the nodes too.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages import Language
from languages.estimate import Estimate
from languages.information import estimate_information_curve
from languages.reveals import reveal_probabilities


def estimate_path_kl(
    language: Language,
    length: int,
    reveal: Float[Tensor, " N"],
    *,
    num_sequences: int = 256,
    generator: torch.Generator | None = None,
) -> Estimate:
    """Path KL (nats) of the exact denoiser under Bernoulli reveals, for any language, with a 95 % interval.

    For many schedules of one language take `languages.information.estimate_information_curve` once and ask it for each.

    Args:
        language: Any language; first-order chains have `exact.path.path_kl`.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k.
        num_sequences: Independent sequences, at least 2.
        generator: Source of randomness on the language's device.
    """
    reveal_probabilities(reveal)
    curve = estimate_information_curve(language, length, num_sequences=num_sequences, generator=generator)
    return curve.path_kl(reveal)
