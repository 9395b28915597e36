"""The methods behind the front door: each answers a question exactly, or says why it cannot.

They are asked in the order of `METHODS`. A method refuses by `Unserved`, or by the ValueError of the calculator that it
calls; the reasons of all are in the error when none serves.
"""

from __future__ import annotations

import dataclasses

from languages import Estimate
from mdmtheory.exact.methods import independent, reveals, small
from mdmtheory.exact.methods.question import Answer, Question, Unserved
from mdmtheory.exact.methods.reveals import MOST_WORK, affordable
from mdmtheory.exact.sandwich import marginal_kl_bracket

__all__ = ["METHODS", "MOST_WORK", "Answer", "Question", "Unserved", "affordable", "first_answer"]

ALTERNATIVES = {
    ("ser", "marginal"): "mdmtheory.estimates.estimate_sequence_error_rate, from samples",
    ("kl", "path"): "mdmtheory.estimates.estimate_path_kl (and estimate_learning_error for a learned denoiser)",
    ("kl", "marginal"): "mdmtheory.estimates.marginal_kl_bracket, from an estimated SER and path KL",
    ("ter", "generative"): "mdmtheory.estimates.estimate_generative_log_ter, from samples",
    ("total_variation", "marginal"): "a shorter length: no estimator of total variation is known to be any good",
}
"""What to use where no method serves."""


def first_answer(question: Question, metric: str, law: str) -> Estimate:
    """The answer of the first method that has one.

    Raises:
        ValueError: None has.
    """
    reasons = []
    for name, answer in METHODS[metric, law].items():
        try:
            return dataclasses.replace(answer(question), by=name)
        except (Unserved, ValueError, NotImplementedError) as reason:
            reasons.append(f"{name}: {reason}")
    raise ValueError(
        f"no exact {metric} ({law} law) of {question.sampler!r} on {question.language.name} at length "
        f"{question.length}; use {ALTERNATIVES[metric, law]}. What was tried: " + "; ".join(reasons)
    )


def _sandwich(question: Question) -> Estimate:
    path_kl = first_answer(question.as_order(), "kl", "path")
    return marginal_kl_bracket(first_answer(question, "ser", "marginal"), path_kl)


METHODS: dict[tuple[str, str], dict[str, Answer]] = {
    ("ser", "marginal"): {
        "independent rounds": independent.no_error,
        "closed form": reveals.closed_sequence_error,
        "full support": independent.everything_supported,
        "one round": reveals.one_round_sequence_error,
        "gap recursion": reveals.recursion_sequence_error,
        "block transfer": small.transfer_sequence_error,
        "roots of unity": reveals.fixed_sizes_sequence_error,
        "enumeration": lambda question: small.enumerated(question).sequence_error_rate(question.language),
        "extrapolation": reveals.extrapolated_sequence_error,
    },
    ("kl", "path"): {
        "independent rounds": independent.no_path_divergence,
        "closed form": reveals.closed_path_kl,
        "one round": reveals.one_round_path_kl,
        "information curve": reveals.curve_path_kl,
        "block transfer": small.transfer_path_kl,
        "enumeration": small.enumerated_path_kl,
    },
    ("kl", "marginal"): {
        "independent rounds": independent.no_divergence,
        "closed form": reveals.closed_marginal_kl,
        "one round": reveals.one_round_kl,
        "block transfer": small.transfer_kl,
        "gap recursion": reveals.recursion_marginal_kl,
        "enumeration": lambda question: small.enumerated(question).kl(question.language),
        "sandwich": _sandwich,
    },
    ("total_variation", "marginal"): {
        "independent rounds": independent.no_error,
        "enumeration": lambda question: small.enumerated(question).total_variation(question.language),
    },
    ("ter", "generative"): {
        "independent rounds": independent.truth_itself,
        "one round": reveals.one_round_generative_ter,
        "gap recursion": reveals.recursion_generative_ter,
        "enumeration": lambda question: small.enumerated(question).generative_ter(question.language),
    },
}
"""The methods for each base metric and law, in the order in which they are asked."""
