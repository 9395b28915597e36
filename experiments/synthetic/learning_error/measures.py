"""Total error = sampling error + learning error: each part by itself, and the total measured without them.

Path law (an identity, THEORY §2 law 3): KL(q ‖ p_θ path) = path KL of the exact denoiser + Σ E KL(q's conditional ‖ the
network's). "predicted" adds the two parts, each exact or estimated against exact conditionals; "measured" is the mean
of log q(x) − log p_θ(x | τ) over other sequences and reveals, and knows of no part.

SER. Let p_0 be the sampler of the exact denoiser, λ the mass that the network puts on impossible tokens.

* "reweighted", an identity: 1 − SER_θ = E_{p_0}[1{x possible} p_θ(x | τ)/p_0(x | τ)], for every path of the network to
  a possible x is one of p_0 too. Samples of the exact denoiser, no sample of the network.
* "first order", an approximation: 1 − SER_θ ≈ (1 − SER_0)·e^(−leak), leak = Σ E_q[−log(1 − λ)]. It takes contexts as
  they are under q, and takes the network's error within the support, which changes how often tokens of one round
  contradict each other, for nothing.
* "bound": SER_θ ≤ 1 − e^(−path KL), always.
* "measured": the share of the network's samples outside the language.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from experiments.synthetic.path_law import path_kls, ter_increase
from experiments.synthetic.ser_vs_steps.cells import has_calculator, sequence_error_rates
from languages import Estimate
from mdmtheory.denoisers import NetworkDenoiser, Oracle
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.estimates import (
    estimate_learning_error,
    estimate_sequence_error_rate,
    learning_error_curve,
    path_log_prob,
)
from mdmtheory.samplers import plans, sample

if TYPE_CHECKING:
    from experiments.harness import Row
    from experiments.synthetic.learning_error.cells import LearningCell
    from languages import Language

FEWEST_EFFECTIVE = 32
"""Effective number of weights, (Σr)²/Σr², below which a reweighted mean and its interval mean nothing."""
LEAST_EFFECTIVE = 0.25
"""Their least share: heavier tails than that hide a part of the mean that was never drawn."""


def error_rows(cell: LearningCell, language: Language, model: NetworkDenoiser, generator: torch.Generator) -> list[Row]:
    """ε_learning on average over a sampler of many steps, its maximum, and one revealed fraction at a time."""
    most = max(cell.steps)
    error = estimate_learning_error(
        model, language, cell.length, uniform_reveal(most), num_sequences=2 * cell.sequences, generator=generator
    )
    tokens = language.sample(cell.sequences, cell.length, generator=generator)
    curve = learning_error_curve(model, language, tokens, generator=generator)
    rows: list[Row] = [
        cell.learning_row(error.mean, "epsilon_learning_mean", steps=most),
        cell.learning_row(error.maximum, "epsilon_learning_max", steps=most),
    ]
    for t, value in zip(cell.revealed, curve.at(cell.revealed), strict=True):
        rows.append(cell.learning_row(dataclasses.replace(value, law="learned"), "epsilon_learning_at", revealed=t))
    return rows


def predicted_and_measured(
    cell: LearningCell, language: Language, model: NetworkDenoiser, generator: torch.Generator
) -> list[Row]:
    """Path KL, TER increase and SER at every N: of the exact denoiser, predicted for the network, and measured."""
    exact = path_kls(language, cell.length, cell.steps, cell.sequences, cell.seed)
    known = sequence_error_rates(language, cell.length, cell.steps) if has_calculator(language) else {}
    rows: list[Row] = []
    for n in cell.steps:
        reveal = uniform_reveal(n)
        error = estimate_learning_error(
            model, language, cell.length, reveal, num_sequences=cell.sequences, generator=generator
        )
        total = dataclasses.replace(exact[n] + error.path_kl, law="path")
        kls = {
            ("oracle", "exact denoiser"): exact[n],
            ("mdm", "predicted"): total,
            ("mdm", "measured"): measured_path_kl(cell, language, model, reveal, generator),
        }
        for (denoiser, source), kl in kls.items():
            places: dict[str, Any] = {"denoiser": denoiser, "steps": n, "source": source}
            rows.append(cell.learning_row(kl, "kl", **places))
            rows.append(cell.learning_row(ter_increase(kl, cell.length), "ter_increase", **places))
        rows.append(cell.learning_row(error.leak, "leak", steps=n))
        rows += _sequence_errors(cell, language, model, n, error.leak, total, known.get(n), generator)
    return rows


def measured_path_kl(
    cell: LearningCell, language: Language, model: NetworkDenoiser, reveal: torch.Tensor, generator: torch.Generator
) -> Estimate:
    """KL(q ‖ p_θ path) as a mean of log q(x) − log p_θ(x | τ): no exact conditional is asked for."""
    tokens = language.sample(cell.sequences, cell.length, generator=generator)
    plan = plans.bernoulli(reveal, cell.sequences, cell.length, generator=generator)
    surplus = language.log_prob(tokens) - path_log_prob(model, tokens, plan).to(language.device)
    return Estimate.from_samples(surplus.cpu().numpy(), law="path", unit="nats")


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
    return Estimate.bracket(0.0, -math.expm1(-kl.high), law="marginal", unit="probability")


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


def _sequence_errors(
    cell: LearningCell,
    language: Language,
    model: NetworkDenoiser,
    steps: int,
    leak: Estimate,
    total: Estimate,
    known: Estimate | None,
    generator: torch.Generator,
) -> list[Row]:
    reveal, oracle = uniform_reveal(steps), Oracle(language)
    plan = plans.bernoulli(reveal, cell.sequences, cell.length, generator=generator)
    tokens = sample(oracle, plan).tokens
    possible = language.contains(tokens)
    exact = known or estimate_sequence_error_rate(language, tokens)
    kept, walk = tokens[possible], plan[possible]
    log_weights = path_log_prob(model, kept, walk).to(language.device) - path_log_prob(oracle, kept, walk)
    learned = sample(model, plans.bernoulli(reveal, cell.model_samples, cell.length, generator=generator)).tokens
    found: dict[tuple[str, str], Estimate | None] = {
        ("oracle", "exact denoiser"): exact,
        ("mdm", "first order"): first_order(exact, leak),
        ("mdm", "reweighted"): reweighted(possible, log_weights, known),
        ("mdm", "bound"): kl_bound(total),
        ("mdm", "measured"): estimate_sequence_error_rate(language, learned.to(language.device)),
    }
    return [
        cell.learning_row(estimate, "ser", denoiser=denoiser, steps=steps, source=source)
        for (denoiser, source), estimate in found.items()
        if estimate is not None
    ]
