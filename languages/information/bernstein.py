"""Curves in Bernstein form: expectations over how many of n positions a Bernoulli(t) set reveals."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.budget import check_budget

MOST_TERMS = 4e9
"""Binomial probabilities that one call computes: a minute or two of one core."""
CHUNK_ENTRIES = 1 << 22
"""Entries of the largest table of binomial probabilities held at once."""


def binomial_mean(coefficients: Float[Tensor, " n+1"], t: Float[Tensor, " T"]) -> Float[Tensor, " T"]:
    """E c_J for J ~ Binomial(n, t): Σ_j C(n, j) tʲ (1 − t)ⁿ⁻ʲ c_j, a sum of like signs where the c_j have one.

    Relative error about 1e−15 · n.

    Args:
        coefficients: (n + 1,) c_0 … c_n.
        t: (T,) probabilities in [0, 1].
    """
    degree = len(coefficients) - 1
    check_budget(
        f"a curve of length={degree + 1} at {len(t)} revealed fractions, one a step,",
        f"take up to {int(MOST_TERMS / (degree + 1))} steps; a uniform grid of many steps costs (h(1) − h(0))/(2N)",
        operations=len(t) * (degree + 1),
        most=MOST_TERMS,
    )
    count = torch.arange(degree + 1, dtype=torch.float64, device=t.device)
    log_choices = -torch.lgamma(count + 1) - torch.lgamma(degree - count + 1)
    pieces = [t.new_zeros(0)]
    for block in t.split(max(1, CHUNK_ENTRIES // (degree + 1))):
        u = block[:, None]
        log_chance = torch.special.xlogy(count, u) + torch.special.xlog1py(degree - count, -u) + log_choices
        # Without log n!, which cancels with its rounding.
        chance = torch.softmax(log_chance, dim=1)
        pieces.append(chance @ coefficients)
    return torch.cat(pieces)


def check_fractions(name: str, t: object, like: Tensor) -> Float[Tensor, "*T"]:
    """Return `t` as a float64 tensor of fractions on the device of `like`.

    Raises:
        ValueError: An entry outside [0, 1], or none that is a number.
    """
    try:
        fractions = torch.as_tensor(t, dtype=torch.float64, device=like.device)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"{name} must be an array of numbers in [0, 1], got {type(t).__name__}: {error}") from None
    if not bool(((fractions >= 0) & (fractions <= 1)).all()):
        raise ValueError(f"{name} must have entries in [0, 1], got {t}")
    return fractions
