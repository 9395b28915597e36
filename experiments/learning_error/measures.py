"""Total error = sampling error + learning error: each part by itself, and the total measured without them.

Path law (docs/theory.md §2): KL(q ‖ p_θ path) = path KL of the exact denoiser + Σ E KL(q's conditional ‖ the
network's). "predicted" adds the two parts, each exact or estimated against exact conditionals; "measured" is the mean
of log q(x) − log p_θ(x | τ) over other sequences and reveals, and knows of no part.

SER. "reweighted", an identity, comes from samples of the exact denoiser; "first order" is an approximation; "bound"
always holds: see `mdmtheory.estimates.learned_sequence_error`. "measured" is the share of the network's samples outside
the language.

Measures yield (estimate, metric, places), the places as columns of the table, and know nothing of cells and rows.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

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
from mdmtheory.estimates.learned_path_kl import estimate_learned_path_kl
from mdmtheory.estimates.learned_sequence_error import first_order, kl_bound, reweighted
from mdmtheory.exact.uniform_steps import has_calculator, sequence_error_rates
from mdmtheory.samplers import plans, sample

Measured = tuple[Estimate, str, dict[str, Any]]
"""An estimate, its metric, and where it belongs."""


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
            ("mdm", "measured"): estimate_learned_path_kl(
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
