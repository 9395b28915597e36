"""What a denoiser says of itself to samplers and calculators, beyond its answers."""

from __future__ import annotations

from typing import Any, Literal, NamedTuple

from mdmtheory.denoisers.protocol import Denoiser

Noise = Literal["absorbing", "uniform"]


class Traits(NamedTuple):
    """Facts that a denoiser may state as attributes of these names; the default is what holds of one that is silent.

    Attributes:
        noise: What it reads: "absorbing", clean tokens and holes; "uniform", noisy tokens. None: whatever it is given.
        reads_time: Whether its answer may depend on the time. If not, one answer serves all rounds.
        takes_given: Whether it takes `given`, (B, L) bool, the tokens that are known to be free of noise.
        leave_one_out: Whether it answers the law of x_0^i given the noisy tokens at all other positions, rather than
            the posterior.
        called: What it is called where its language is named beside it; None: by its repr.
    """

    noise: Noise | None = None
    reads_time: bool = True
    takes_given: bool = False
    leave_one_out: bool = False
    called: str | None = None


def traits_of(denoiser: Denoiser) -> Traits:
    """What a denoiser says of itself."""
    said: dict[str, Any] = {name: getattr(denoiser, name) for name in Traits._fields if hasattr(denoiser, name)}
    return Traits(**said)
