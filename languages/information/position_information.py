"""What a token tells about where in the sequence it stands."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from languages.checks import check_count
from languages.language import Language


def position_information(language: Language, length: int) -> Float[Tensor, " L"]:
    """Divergence of each position's marginal from their mean, KL(q_i ‖ q̄) with q̄ = (1/L) Σ_i q_i, nats.

    Its mean over positions is the mutual information of a token and its position, and the least error a token of every
    model that answers an all-masked row alike at all positions: q̄ is the best such answer. Networks with relative
    positions alone (rotary, without boundary tokens) are such models. Zero for a stationary start.

    Args:
        language: Any language.
        length: L ≥ 1.

    Returns:
        (L,) float64, exact.
    """
    marginals = language.marginals(check_count("length", length))
    mean = marginals.mean(0)
    # Where q̄ is zero every q_i is: the quotient is of no account, but must not be 0 / 0.
    ratio = marginals / torch.where(mean > 0, mean, 1)
    return torch.special.xlogy(marginals, ratio).sum(-1).clamp(min=0.0)
