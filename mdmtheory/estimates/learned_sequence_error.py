"""SER of a denoiser that errs, from what is known of the exact one: no sample of it is needed.

Let p_0 be the sampler of the exact denoiser, p_θ that of the other, λ the mass that it puts on impossible tokens.

* `reweighted`, an identity: 1 − SER_θ = E_{p_0}[1{x possible} p_θ(x | τ)/p_0(x | τ)], for every path of the other to a
  possible x is one of p_0 too.
* `first_order`, an approximation: 1 − SER_θ ≈ (1 − SER_0)·e^(−leak), leak = Σ E_q[−log(1 − λ)]. It takes contexts as
  they are under q, and takes the error within the support, which changes how often tokens of one round contradict each
  other, for nothing.
* `kl_bound`: SER_θ ≤ 1 − e^(−path KL), always.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch

from languages.estimate import Estimate

FEWEST_EFFECTIVE = 32
"""Effective number of weights, (Σr)²/Σr², below which a reweighted mean and its interval mean nothing."""
LEAST_EFFECTIVE = 0.25
"""Their least share: heavier tails than that hide a part of the mean that was never drawn."""


def first_order(exact: Estimate, leak: Estimate) -> Estimate:
    """1 − (1 − SER_0)·e^(−leak); the ends of its interval take both at their worst."""

    def error(ser: float, leaked: float) -> float:
        return -math.expm1(math.log1p(-ser) - leaked) if ser < 1 else 1.0

    value, low, high = (error(getattr(exact, end), max(0.0, getattr(leak, end))) for end in ("value", "low", "high"))
    if exact.method == leak.method == "exact":
        return Estimate.exact(value, law="marginal", unit="probability")
    return Estimate(value, low, high, "monte-carlo", "marginal", "probability")


def kl_bound(kl: Estimate) -> Estimate:
    """SER ≤ 1 − e^(−KL); where the KL was estimated, with its confidence."""
    return Estimate.bracket(0.0, -math.expm1(-kl.high), of=[kl], law="marginal", unit="probability")


def reweighted(possible: torch.Tensor, log_weights: torch.Tensor, exact: Estimate | None) -> Estimate | None:
    """SER of another denoiser from samples of the exact one.

    Args:
        possible: (B,) whether each sample is in the language.
        log_weights: Log-weights of those that are.
        exact: SER of the exact denoiser where it is known without samples: then only weights have to be averaged.

    Returns:
        The estimate, None where too few samples carry it.
    """
    weights = log_weights.exp().cpu().numpy()
    fewest = max(FEWEST_EFFECTIVE, LEAST_EFFECTIVE * len(weights))
    if weights.sum() ** 2 <= fewest * (weights**2).sum():
        return None
    if exact is not None:
        share = Estimate.from_samples(weights, law="marginal", unit="probability").scaled(1 - exact.value)
    else:
        padded = np.concatenate([weights, np.zeros(int((~possible).sum()))])
        share = Estimate.from_samples(padded, law="marginal", unit="probability")
    ser = share.scaled(-1.0).shifted(1.0)
    value, low, high = (min(1.0, max(0.0, end)) for end in (ser.value, ser.low, ser.high))
    return dataclasses.replace(ser, value=value, low=low, high=high)
