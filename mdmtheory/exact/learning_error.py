"""What a denoiser's own error adds, as a record: computed by enumeration, or estimated from histories under q."""

from __future__ import annotations

import dataclasses

from languages.estimate import Estimate


@dataclasses.dataclass(frozen=True)
class LearningError:
    """Error of a denoiser's conditionals against the exact ones.

    Attributes:
        path_kl: What it adds to the path KL of the N-step sampler, nats for the whole sequence.
        mean: ε_learning on average over the sampler's steps and positions, nats a token (= path_kl / L).
        maximum: The largest KL over the contexts; over sampled ones a lower bound of the theorem's ε_learning, so its
            interval is open above.
        leak: Σ −log of the mass that the conditionals leave on possible tokens, over the whole path, nats: what leaving
            the language at one token costs; at most `path_kl`. To first order 1 − SER = (1 − SER of the exact
            denoiser)·e^(−leak).
    """

    path_kl: Estimate
    mean: Estimate
    maximum: Estimate
    leak: Estimate
