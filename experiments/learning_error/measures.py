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

Measures yield (estimate, metric, places), the places as columns of the table, and know nothing of cells and rows.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import torch
from jaxtyping import Float

from experiments.shared.path_law import path_kls, ter_increase
from languages import Estimate, Language
from mdmtheory.denoisers import Denoiser, Oracle
from mdmtheory.diffusion.schedules import uniform_reveal
from mdmtheory.estimates import (
    estimate_learning_error,
    estimate_sequence_error_rate,
    learning_error_curve,
    path_log_prob,
)
from mdmtheory.exact.uniform_steps import has_calculator, sequence_error_rates
from mdmtheory.samplers import plans, sample

Measured = tuple[Estimate, str, dict[str, Any]]
"""An estimate, its metric, and where it belongs."""
FEWEST_EFFECTIVE = 32
"""Effective number of weights, (Σr)²/Σr², below which a reweighted mean and its interval mean nothing."""
LEAST_EFFECTIVE = 0.25
"""Their least share: heavier tails than that hide a part of the mean that was never drawn."""


def learning_errors(
    model: Denoiser,
    language: Language,
    length: int,
    steps: int,
    revealed: Sequence[float],
    *,
    num_sequences: int,
    generator: torch.Generator,
) -> Iterator[Measured]:
    """ε_learning on average over a sampler of many steps, its maximum, and one revealed fraction at a time.

    Args:
        model: What has learned the language.
        language: The language.
        length: L.
        steps: N of the sampler.
        revealed: Revealed fractions t.
        num_sequences: Sequences of the language for the fractions; twice as many for mean and maximum.
        generator: Source of randomness on the language's device.
    """
    error = estimate_learning_error(
        model, language, length, uniform_reveal(steps), num_sequences=2 * num_sequences, generator=generator
    )
    tokens = language.sample(num_sequences, length, generator=generator)
    curve = learning_error_curve(model, language, tokens, generator=generator)
    yield error.mean, "epsilon_learning_mean", {"steps": steps}
    yield error.maximum, "epsilon_learning_max", {"steps": steps}
    for t, value in zip(revealed, curve.at(revealed), strict=True):
        yield dataclasses.replace(value, law="learned"), "epsilon_learning_at", {"revealed": t}


def predicted_and_measured(
    model: Denoiser,
    language: Language,
    length: int,
    steps: Sequence[int],
    *,
    num_sequences: int,
    model_samples: int,
    seed: int,
    generator: torch.Generator,
) -> Iterator[Measured]:
    """Path KL, TER increase and SER at every N: of the exact denoiser, predicted for the network, and measured.

    Args:
        model: What has learned the language.
        language: The language.
        length: L.
        steps: Numbers of uniform steps N.
        num_sequences: Sequences of the language, and of the exact denoiser, for everything that is estimated.
        model_samples: Sequences sampled from the model at each N.
        seed: Seed of the path law of the exact denoiser, where it has to be estimated.
        generator: Source of randomness on the language's device.
    """
    exact = path_kls(language, length, steps, num_sequences, seed)
    known = sequence_error_rates(language, length, steps) if has_calculator(language) else {}
    for n in steps:
        reveal = uniform_reveal(n)
        error = estimate_learning_error(
            model, language, length, reveal, num_sequences=num_sequences, generator=generator
        )
        total = dataclasses.replace(exact[n] + error.path_kl, law="path")
        kls = {
            ("oracle", "exact denoiser"): exact[n],
            ("mdm", "predicted"): total,
            ("mdm", "measured"): measured_path_kl(
                model, language, length, reveal, num_sequences=num_sequences, generator=generator
            ),
        }
        for (denoiser, source), kl in kls.items():
            places = {"denoiser": denoiser, "steps": n, "source": source}
            yield kl, "kl", places
            yield ter_increase(kl, length), "ter_increase", places
        yield error.leak, "leak", {"steps": n}
        errors = _sequence_errors(
            model,
            language,
            length,
            reveal,
            known=known.get(n),
            leak=error.leak,
            total=total,
            num_sequences=num_sequences,
            model_samples=model_samples,
            generator=generator,
        )
        for (denoiser, source), ser in errors.items():
            yield ser, "ser", {"denoiser": denoiser, "steps": n, "source": source}


def measured_path_kl(
    model: Denoiser,
    language: Language,
    length: int,
    reveal: Float[torch.Tensor, " N"],
    *,
    num_sequences: int,
    generator: torch.Generator,
) -> Estimate:
    """KL(q ‖ p_θ path) as a mean of log q(x) − log p_θ(x | τ), nats: no exact conditional is asked for.

    Args:
        model: Any denoiser.
        language: The language.
        length: L.
        reveal: (N,) reveal probabilities w_k.
        num_sequences: Sequences x ~ q, each with reveals τ of its own.
        generator: Source of randomness on the language's device.
    """
    tokens = language.sample(num_sequences, length, generator=generator)
    plan = plans.bernoulli(reveal, num_sequences, length, generator=generator)
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
    model: Denoiser,
    language: Language,
    length: int,
    reveal: Float[torch.Tensor, " N"],
    *,
    known: Estimate | None,
    leak: Estimate,
    total: Estimate,
    num_sequences: int,
    model_samples: int,
    generator: torch.Generator,
) -> dict[tuple[str, str], Estimate]:
    """SER by denoiser and source; `known` is that of the exact denoiser where a calculator has it."""
    oracle = Oracle(language)
    plan = plans.bernoulli(reveal, num_sequences, length, generator=generator)
    tokens = sample(oracle, plan).tokens
    possible = language.contains(tokens)
    exact = known or estimate_sequence_error_rate(language, tokens)
    kept, walk = tokens[possible], plan[possible]
    log_weights = path_log_prob(model, kept, walk).to(language.device) - path_log_prob(oracle, kept, walk)
    learned = sample(model, plans.bernoulli(reveal, model_samples, length, generator=generator)).tokens
    found = {
        ("oracle", "exact denoiser"): exact,
        ("mdm", "first order"): first_order(exact, leak),
        ("mdm", "reweighted"): reweighted(possible, log_weights, known),
        ("mdm", "bound"): kl_bound(total),
        ("mdm", "measured"): estimate_sequence_error_rate(language, learned.to(language.device)),
    }
    return {place: estimate for place, estimate in found.items() if estimate is not None}
