"""Path KL of any denoiser's sampler, measured without exact conditionals."""

from __future__ import annotations

import torch
from jaxtyping import Float

from languages import Language
from languages.estimate import Estimate
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.estimates.path_log_probs import path_log_prob
from mdmtheory.samplers import plans


def estimate_learned_path_kl(
    denoiser: Denoiser,
    language: Language,
    length: int,
    reveal: Float[torch.Tensor, " N"],
    *,
    num_sequences: int,
    generator: torch.Generator | None = None,
) -> Estimate:
    """KL(q ‖ p_θ path) as a mean of log q(x) − log p_θ(x | τ), nats: no exact conditional is asked for.

    Args:
        denoiser: Any denoiser.
        language: The language.
        length: L.
        reveal: (N,) reveal probabilities w_k.
        num_sequences: Sequences x ~ q, each with reveals τ of its own.
        generator: Source of randomness on the language's device; torch's default if None.
    """
    tokens = language.sample(num_sequences, length, generator=generator)
    plan = plans.bernoulli(reveal, num_sequences, length, generator=generator)
    surplus = language.log_prob(tokens) - path_log_prob(denoiser, tokens, plan).to(language.device)
    return Estimate.from_samples(surplus.cpu().numpy(), law="path", unit="nats")
