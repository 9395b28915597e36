"""Denoisers: exact, exactly wrong, and learned. To a sampler they are the same thing."""

from __future__ import annotations

from typing import TYPE_CHECKING

from mdmtheory.denoisers.oracle import Oracle
from mdmtheory.denoisers.perturbed import PerturbedOracle
from mdmtheory.denoisers.protocol import Denoiser

if TYPE_CHECKING:
    from mdmtheory.denoisers.network import NetworkDenoiser

__all__ = ["Denoiser", "NetworkDenoiser", "Oracle", "PerturbedOracle"]


def __getattr__(name: str) -> object:
    """Import the network denoiser when it is first asked for, so that the exact ones load no network code."""
    if name == "NetworkDenoiser":
        from mdmtheory.denoisers.network import NetworkDenoiser

        return NetworkDenoiser
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
