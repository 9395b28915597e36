"""Averages over a law of the clean token, where a token of probability zero costs nothing."""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor


def cross_entropies(law: Float[Tensor, "*n V"], log_probs: Float[Tensor, "*n V"]) -> Float[Tensor, "*n"]:
    """−Σ_v q_v log p_v, nats, in the precision of `log_probs`; tokens with q_v = 0 count for nothing.

    Args:
        law: q, probabilities.
        log_probs: log p, −inf allowed: a token of q that p excludes costs infinitely much.
    """
    law = law.to(log_probs.dtype)
    # A masked logarithm, so that neither the value nor the gradient meets 0 · ∞.
    return -(law * torch.where(law > 0, log_probs, 0)).sum(-1)


def kl_divergences(law: Float[Tensor, "*n V"], probs: Float[Tensor, "*n V"]) -> Float[Tensor, "*n"]:
    """KL(q ‖ p) = Σ_v q_v log(q_v / p_v), nats; tokens with q_v = 0 count for nothing.

    Args:
        law: q, probabilities.
        probs: p, of the same dtype.
    """
    # Where q is 0 neither logarithm may be taken, nor a gradient of one.
    log_ratio = torch.where(law > 0, law, 1).log() - torch.where(law > 0, probs, 1).log()
    return (law * log_ratio).sum(-1)
