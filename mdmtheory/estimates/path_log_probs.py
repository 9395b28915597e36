"""Log-probability of given sequences along given reveals, under any denoiser."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.denoisers.ask import ask
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.plan import Plan


@torch.no_grad()
def path_log_prob(
    denoiser: Denoiser, tokens: Int[Tensor, "B L"], plan: Plan, *, max_batch: int = 256
) -> Float[Tensor, " B"]:
    """Log-probabilities log p(x | τ) = Σ_k Σ_{i: τ_i = k} log p(x_i | tokens revealed before round k), nats, float64.

    For x ~ q and τ from a plan, E[log q(x) − log p(x | τ)] is the path KL of the denoiser's sampler: what an N-step
    NELBO measures. For x sampled from one denoiser along τ, p'(x | τ)/p(x | τ) reweights it to another.

    Cost: the network calls that sampling along the plan would cost.

    Args:
        denoiser: Any denoiser.
        tokens: (B, L) complete sequences.
        plan: Their reveals; positions that it gives cost nothing.
        max_batch: Sequences sent to the denoiser at once.

    Raises:
        ValueError: Tokens that are no complete sequences, or a plan of another shape.
    """
    check_count("max_batch", max_batch)
    tokens = check_tokens(tokens, denoiser.vocab_size, holes=False, device=denoiser.device)
    if plan.rounds.shape != tokens.shape:
        raise ValueError(f"plan must be for tokens of shape {tuple(tokens.shape)}, got {tuple(plan.rounds.shape)}")
    plan = plan.to(denoiser.device)
    times = plan.times.expand(len(tokens), -1)
    totals = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
    for round_index in range(plan.num_rounds):
        revealed = plan.rounds == round_index
        for rows in revealed.any(1).nonzero()[:, 0].split(max_batch):
            at, given = revealed[rows], tokens[rows]
            noisy = given.masked_fill(plan.rounds[rows] >= round_index, denoiser.mask_id)
            log_probs = ask(denoiser, noisy, times[rows, round_index], at).log_probs
            said = log_probs.gather(1, given[at][:, None])[:, 0]
            totals.index_add_(0, rows[at.nonzero()[:, 0]], said)
    return totals
