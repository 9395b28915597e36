"""Exact, trustworthy numbers about masked diffusion language models.

    from mdmtheory import Bernoulli, Oracle, error, language_from, sample, steps_needed

    language = language_from("hmm")
    error(language, 64, Bernoulli.uniform(16), "ter_increase", law="path")
    steps_needed(language, 64, ter_increase=0.01)
    sample(Oracle(language), Bernoulli.uniform(16), batch=4, length=64).tokens

What is here is imported when it is first asked for; `python -m mdmtheory` answers from a terminal.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from languages import Estimate, HMMLanguage, NGramLanguage, language_from
    from mdmtheory.answers import steps_needed
    from mdmtheory.bounds import LEDGER
    from mdmtheory.denoisers import Denoiser, NetworkDenoiser, Oracle, PerturbedOracle, UniformOracle
    from mdmtheory.diffusion import Absorbing, Uniform
    from mdmtheory.estimates import estimate_learning_error, estimate_path_kl, estimate_sequence_error_rate
    from mdmtheory.exact import error
    from mdmtheory.networks import CausalLanguageModel, Transformer, TransformerConfig
    from mdmtheory.samplers import Decoding, Plan, plans, sample, sample_autoregressive
    from mdmtheory.samplers.kernels import Ancestral, Euler, Kernel, Tweedie
    from mdmtheory.samplers.policies import Confidence, Entropy, EntropyBudget, Margin, Policy, Threshold
    from mdmtheory.samplers.schemes import (
        Bernoulli,
        Bisection,
        Blocks,
        FirstHitting,
        FixedSizes,
        LeftToRight,
        RandomOrder,
        Scheme,
    )
    from mdmtheory.training import TrainingConfig, train

__version__ = "0.1.0"

_ROOMS = {
    "languages": ("Estimate", "HMMLanguage", "NGramLanguage", "language_from"),
    "mdmtheory.answers": ("steps_needed",),
    "mdmtheory.bounds": ("LEDGER",),
    "mdmtheory.denoisers": ("Denoiser", "NetworkDenoiser", "Oracle", "PerturbedOracle", "UniformOracle"),
    "mdmtheory.diffusion": ("Absorbing", "Uniform"),
    "mdmtheory.estimates": ("estimate_learning_error", "estimate_path_kl", "estimate_sequence_error_rate"),
    "mdmtheory.exact": ("error",),
    "mdmtheory.networks": ("CausalLanguageModel", "Transformer", "TransformerConfig"),
    "mdmtheory.samplers": ("Decoding", "Plan", "plans", "sample", "sample_autoregressive"),
    "mdmtheory.samplers.kernels": ("Ancestral", "Euler", "Kernel", "Tweedie"),
    "mdmtheory.samplers.policies": ("Confidence", "Entropy", "EntropyBudget", "Margin", "Policy", "Threshold"),
    "mdmtheory.samplers.schemes": (
        "Bernoulli",
        "Bisection",
        "Blocks",
        "FirstHitting",
        "FixedSizes",
        "LeftToRight",
        "RandomOrder",
        "Scheme",
    ),
    "mdmtheory.training": ("TrainingConfig", "train"),
}
"""Where each public name lives."""

_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "LEDGER",
    "Absorbing",
    "Ancestral",
    "Bernoulli",
    "Bisection",
    "Blocks",
    "CausalLanguageModel",
    "Confidence",
    "Decoding",
    "Denoiser",
    "Entropy",
    "EntropyBudget",
    "Estimate",
    "Euler",
    "FirstHitting",
    "FixedSizes",
    "HMMLanguage",
    "Kernel",
    "LeftToRight",
    "Margin",
    "NGramLanguage",
    "NetworkDenoiser",
    "Oracle",
    "PerturbedOracle",
    "Plan",
    "Policy",
    "RandomOrder",
    "Scheme",
    "Threshold",
    "TrainingConfig",
    "Transformer",
    "TransformerConfig",
    "Tweedie",
    "Uniform",
    "UniformOracle",
    "error",
    "estimate_learning_error",
    "estimate_path_kl",
    "estimate_sequence_error_rate",
    "language_from",
    "plans",
    "sample",
    "sample_autoregressive",
    "steps_needed",
    "train",
]


def __getattr__(name: str) -> object:
    """Import a public name from its room."""
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted([*__all__, "__version__"])
