"""A small sampler of every family in the registry: general tests run over these, so a new family is tested by itself.

A family whose defaults do, or do too little, needs nothing here; else its options go into `OPTIONS`.
"""

from __future__ import annotations

from typing import Any

from mdmtheory.diffusion.processes import Absorbing, Uniform
from mdmtheory.samplers import Kernel, Policy, Scheme
from mdmtheory.samplers.registry import FAMILIES, Family

OPTIONS: dict[str, dict[str, Any]] = {
    "bernoulli": {"reveal": [0.5, 0.0, 0.5]},
    "blocks": {"size": 2},
    "confidence": {"size": 2},
    "low-confidence-remasking": {"size": 2},
    "margin": {"size": 2},
    "entropy": {"size": 2},
    "threshold": {"threshold": 0.6},
    "fast-dllm-threshold": {"threshold": 0.6},
    "factor": {"factor": 1.5},
    "fast-dllm-factor": {"factor": 1.5},
    "entropy-budget": {"budget": 0.4},
    "remdm-cap": {"cap": 0.4},
    "remdm-rescale": {"scale": 0.8},
    "remdm-loop": {"steps": 6, "eta": 0.06},
    "renoising": {"kappa": 0.5},
    "predictor-corrector": {"steps": 2, "scale": 1.0},
    "renoising-corrector": {"steps": 2, "kappa": 0.5},
}


def families(kind: str) -> list[Family]:
    """The families of a kind: "scheme", "policy" or "kernel"."""
    return [family for family in FAMILIES.values() if family.kind == kind]


def all_schemes(positions: int) -> list[Scheme]:
    """One scheme of every family, for rows with so many positions to generate, two at least."""
    options = {**OPTIONS, "fixed-sizes": {"sizes": [1, 0, positions - 1]}}
    return [family.maker(**options.get(family.name, {})) for family in families("scheme")]


def all_policies() -> list[Policy]:
    """One policy of every family."""
    return [family.maker(**OPTIONS.get(family.name, {})) for family in families("policy")]


def all_kernels(vocab_size: int, *, uniform: bool = True, having: str = "") -> list[Kernel]:
    """One kernel of every family on each noise that it runs on.

    Args:
        vocab_size: V.
        uniform: Uniform noise too, not masks alone.
        having: What the registry has to say of when they are exact.
    """
    kernels = []
    for family in families("kernel"):
        if having in family.properties.exact:
            for noise in ("masks", "uniform") if uniform else ("masks",):
                if noise in family.noise:
                    process = Uniform(vocab_size) if noise == "uniform" else Absorbing(vocab_size)
                    kernels.append(family.maker(process, **{"steps": 3, **OPTIONS.get(family.name, {})}))
    return kernels
