"""The path of a sequence under a policy: when each position is revealed, and with what probability all of it."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_tokens
from mdmtheory.denoisers.ask import ask_holes, check_denoiser
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.policies.policy import Policy, chosen_positions


@torch.no_grad()
def policy_rounds(denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """The round in which a policy reveals each position of given sequences: their paths.

    Args:
        denoiser: Any denoiser.
        policy: What picks the positions, deterministically.
        tokens: (B, L) complete sequences.

    Raises:
        ValueError: Tokens out of range, or with holes; a policy under which a sequence has many paths.
    """
    return _walk(denoiser, policy, tokens)[0]


@torch.no_grad()
def policy_log_prob(denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
    """Exact log-probability (nats, float64) with which a denoiser writes sequences under a policy.

    Args:
        denoiser: Any denoiser; it is told the fraction still hidden as the time.
        policy: What picks the positions, deterministically.
        tokens: (B, L) complete sequences.

    Raises:
        ValueError: Tokens out of range, or with holes; a policy under which a sequence has many paths.
    """
    return _walk(denoiser, policy, tokens)[1]


def _walk(
    denoiser: Denoiser, policy: Policy, tokens: Int[Tensor, "B L"]
) -> tuple[Int[Tensor, "B L"], Float[Tensor, " B"]]:
    """(rounds, log-probabilities) along the unique path of each sequence."""
    check_denoiser(denoiser)
    if not policy.one_path:
        raise ValueError(
            f"policy must give each sequence one path, {policy!r} does not: draws or lots decide; "
            "mdmtheory.exact.enumeration.law sums over them"
        )
    tokens = check_tokens(tokens, denoiser.vocab_size, holes=False, device=denoiser.device)
    state = torch.full_like(tokens, denoiser.mask_id)
    rounds = torch.empty_like(tokens)
    total = torch.zeros(len(tokens), dtype=torch.float64, device=tokens.device)
    active = torch.arange(len(tokens), device=tokens.device)
    step = 0
    while len(active):
        here = state[active]
        time = (here == denoiser.mask_id).double().mean(1)
        answer = ask_holes(denoiser, here, time)
        chosen = chosen_positions(policy, here, answer.as_said)
        said = answer.log_probs.gather(-1, tokens[active].unsqueeze(-1))[..., 0]
        total[active] += torch.where(chosen, said, 0.0).sum(1)
        state[active] = torch.where(chosen, tokens[active], here)
        rounds[active] = torch.where(chosen, step, rounds[active])
        active = active[(state[active] == denoiser.mask_id).any(1)]
        step += 1
    return rounds, total
