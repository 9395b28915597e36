"""Denoisers that know the law of a language, and what a sampler may ask of any. Learned ones are in `networks`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdmtheory.denoisers.oracle import Oracle
from mdmtheory.denoisers.perturbed import PerturbedOracle
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.denoisers.traits import Traits, traits_of
from mdmtheory.denoisers.uniform_oracle import UniformOracle

if TYPE_CHECKING:
    from mdmtheory.networks import MaskedNetwork as NetworkDenoiser
    from mdmtheory.networks import UniformNetwork as NoisyNetworkDenoiser

__all__ = [
    "Denoiser",
    "NetworkDenoiser",
    "NoisyNetworkDenoiser",
    "Oracle",
    "PerturbedOracle",
    "Traits",
    "UniformOracle",
    "traits_of",
]


def __getattr__(name: str) -> object:
    """The networks under their older names, imported when asked for: exact denoisers load no network code."""
    if name in ("NetworkDenoiser", "NoisyNetworkDenoiser"):
        from mdmtheory import networks

        return networks.MaskedNetwork if name == "NetworkDenoiser" else networks.UniformNetwork
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
