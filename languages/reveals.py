"""Reveal probabilities w_1 … w_N: all that a sampler sees of a schedule, and what follows from them.

Legend: t_k = w_1 + … + w_k, the probability that a position is revealed by the end of round k.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count, check_distributions

Reveal = Sequence[float] | np.ndarray | Tensor
"""Reveal probabilities as users give them."""
MOST_STEPS = 1e7
"""Steps of a grid; a hundred bytes each."""


def check_steps(name: str, steps: object) -> int:
    """Return a number of steps that a grid may have as an int, else raise a ValueError that names it."""
    count = check_count(name, steps)
    check_budget(f"{name}={count}", "FirstHitting is the limit of many steps", operations=count, most=MOST_STEPS)
    return count


def reveal_probabilities(reveal: Reveal) -> Float[Tensor, " N"]:
    """Checked reveal probabilities on the CPU, rescaled to sum to one in rounding.

    Raises:
        ValueError: `reveal` is not one law of shape (N,): negative, NaN, or a sum off by more than 1e−8.
    """
    # A list goes through numpy: torch would round its floats to float32.
    weights = check_distributions("reveal", reveal if isinstance(reveal, Tensor) else np.asarray(reveal)).cpu()
    if weights.dim() != 1:
        raise ValueError(f"reveal must have shape (N,), one probability per round, got {tuple(weights.shape)}")
    return weights


def revealed_before(weights: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """t_{k−1}, the probability that a position is revealed before round k."""
    return (weights.cumsum(0) - weights).clamp(0.0, 1.0)


def masked_shares(weights: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Probability 1 − t_{k−1} = w_k + … + w_N that a position is still masked before round k."""
    # Summed from the end, so that it falls to zero without a rounding error of the size of one.
    return weights.flip(0).cumsum(0).flip(0)


def hazards(weights: Float[Tensor, " N"]) -> Float[Tensor, " N"]:
    """Probability w_k / (w_k + … + w_N) that a position still masked before round k is revealed in it.

    Where nothing is masked any more a round is moot: its hazard is one, without a derivative.
    """
    share = masked_shares(weights)
    left = share > 0
    return torch.where(left, weights / torch.where(left, share, 1.0), 1.0)
