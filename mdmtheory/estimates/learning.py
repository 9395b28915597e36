"""What a denoiser's own error adds: ε_learning, and the learned part of the path KL.

The error of an N-step sampler with a learned denoiser p_θ adds up (docs/theory.md §2, law 3), histories under q:

    KL(q ‖ p_θ path) = path KL of the exact denoiser + Σ_k w_k Σ_i E KL(q(x_i | ctx) ‖ p_θ(x_i | ctx)),

where ctx reveals every other position with probability t_{k−1}. The inner KL is taken against the exact posterior, not
against the sampled token, so the estimate's spread is that of the error itself and not that of the language.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from scipy import stats
from torch import Tensor

from languages import Language
from languages.checks import check_count
from languages.estimate import Estimate
from languages.ranks import random_ranks
from languages.reveals import reveal_probabilities
from mdmtheory.denoisers.ask import ask
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.exact.learning_error import LearningError


def estimate_learning_error(
    denoiser: Denoiser,
    language: Language,
    length: int,
    reveal: Float[Tensor, " N"],
    *,
    num_sequences: int = 1024,
    max_batch: int = 256,
    generator: torch.Generator | None = None,
) -> LearningError:
    """Measure a denoiser's conditionals against the exact posterior along the N-step sampler.

    Each sequence x ~ q gets one step (stratified over the w_k) and one hidden set: Bernoulli(1 − t_{k−1}) given that
    it is not empty, with the weight that makes the sum over its positions unbiased.

    Args:
        denoiser: p_θ.
        language: The true law q.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k.
        num_sequences: Independent sequences, at least 2.
        max_batch: Rows sent to the denoiser at once.
        generator: Source of randomness on the language's device.
    """
    weights = reveal_probabilities(reveal).cpu().numpy()
    batch, length = check_count("num_sequences", num_sequences, least=2), check_count("length", length)
    tokens = language.sample(batch, length, generator=generator)
    shifts = torch.rand(3, batch, dtype=torch.float64, device=tokens.device, generator=generator).cpu().numpy()
    cumulative = np.cumsum(weights)
    # Stratified steps: sequence b takes the step that holds the b-th of `batch` equal slices of probability.
    step = np.searchsorted(cumulative, (np.arange(batch) + shifts[0]) / batch * cumulative[-1], side="right")
    step = np.minimum(step, np.flatnonzero(weights)[-1])
    hidden_share = 1.0 - np.where(step > 0, np.minimum(cumulative[step - 1], 1.0), 0.0)
    nothing = stats.binom.pmf(0, length, hidden_share)
    quantile = nothing + shifts[1] * (1 - nothing)
    quantile = np.clip(quantile, nothing * (1 + 1e-12), 1 - 1e-16)
    count = stats.binom.ppf(quantile, length, hidden_share).clip(1, length)
    weight = (1 - nothing) / hidden_share
    ranks = random_ranks(batch, length, generator=generator, device=tokens.device)
    hidden = ranks < torch.as_tensor(count, device=tokens.device)[:, None]
    time = torch.as_tensor(hidden_share, device=tokens.device)
    totals, leaks, largest = np.empty(batch), np.empty(batch), 0.0
    for start in range(0, batch, max_batch):
        rows = slice(start, start + max_batch)
        noisy = tokens[rows].masked_fill(hidden[rows], language.mask_id)
        exact = language.conditionals(noisy, at=hidden[rows]).log_probs
        learned = ask(denoiser, noisy, time[rows], hidden[rows]).log_probs
        kl = torch.where(exact.isneginf(), 0.0, exact.exp() * (exact - learned)).sum(-1).clamp(min=0.0)
        row = hidden[rows].nonzero()[:, 0]
        leak = -torch.where(exact.isneginf(), -torch.inf, learned).logsumexp(-1).clamp(max=0.0)
        for sums, terms in ((totals, kl), (leaks, leak)):
            per_row = torch.zeros(noisy.shape[0], dtype=torch.float64, device=tokens.device).index_add_(0, row, terms)
            sums[rows] = per_row.cpu().numpy() * weight[rows]
        largest = max(largest, float(kl.max()))
    path = Estimate.from_samples(totals, law="path", unit="nats")
    maximum = Estimate(largest, largest, float("inf"), "monte-carlo", "learned", "nats")
    mean = dataclasses.replace(path.scaled(1 / length), law="learned")
    return LearningError(path, mean, maximum, Estimate.from_samples(leaks, law="path", unit="nats"))
