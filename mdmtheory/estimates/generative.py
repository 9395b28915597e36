"""Generative TER: the perplexity of samples under the truth."""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from languages import Language
from languages.estimate import Estimate
from mdmtheory.samplers.samples import Samples, tokens_of


def estimate_generative_log_ter(language: Language, tokens: Int[Tensor, "B L"] | Samples) -> Estimate:
    """Log of the generative TER, E_{x~p}[−log q°(x)/L] in nats a token, with a 95 % interval.

    q° is the unpruned parent where there is one: on a pruned language the quantity is infinite as soon as SER > 0.
    A collapsed sampler scores well here; report SER beside it.

    Args:
        language: The true law q.
        tokens: (B, L) independent samples of p, or what a sampler returned.

    Returns:
        The estimate; infinite, with an infinite interval, where a sample is impossible under q° too.
    """
    tokens = tokens_of(tokens)
    judge = language.parent if language.parent is not None else language
    surprise = -judge.log_prob(tokens) / tokens.shape[1]
    if bool(torch.isinf(surprise).any()):
        return Estimate(float("inf"), float("inf"), float("inf"), "monte-carlo", "generative", "nats")
    return Estimate.from_samples(surprise.cpu().numpy(), law="generative", unit="nats")
