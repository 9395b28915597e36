"""Denoisers: exact, exactly wrong, and learned. To a sampler they are the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdmtheory.denoisers.oracle import Oracle
from mdmtheory.denoisers.perturbed import PerturbedOracle
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.denoisers.uniform_oracle import UniformOracle

if TYPE_CHECKING:
    from mdmtheory.networks.masked import NetworkDenoiser
    from mdmtheory.networks.uniform import NoisyNetworkDenoiser

__all__ = ["Denoiser", "NetworkDenoiser", "NoisyNetworkDenoiser", "Oracle", "PerturbedOracle", "UniformOracle"]


def __getattr__(name: str) -> object:
    """Import the network denoisers when they are first asked for, so that the exact ones load no network code."""
    if name == "NetworkDenoiser":
        from mdmtheory.networks.masked import NetworkDenoiser

        return NetworkDenoiser
    if name == "NoisyNetworkDenoiser":
        from mdmtheory.networks.uniform import NoisyNetworkDenoiser

        return NoisyNetworkDenoiser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
