"""Sequence error rate of whatever made the samples."""

from __future__ import annotations

from jaxtyping import Int
from torch import Tensor

from languages import Language
from languages.estimate import Estimate
from mdmtheory.samplers.samples import Samples, tokens_of


def estimate_sequence_error_rate(
    language: Language, tokens: Int[Tensor, "B L"] | Samples, *, law: str = "marginal"
) -> Estimate:
    """SER = 1 − Σ_{x: q(x)>0} p(x): the share of samples outside the support, Clopper–Pearson 95 % interval.

    Args:
        language: The true law q; its exact zeros decide.
        tokens: (B, L) independent samples of p, B ≥ 1, or what a sampler returned.
        law: The law the samples follow.
    """
    correct = language.contains(tokens_of(tokens))
    return Estimate.from_counts(int((~correct).sum()), len(correct), law=law)
