"""The executor of plans: every row walks through its own rounds, and no network call is made for nothing."""

from __future__ import annotations

import dataclasses

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.categorical import categorical
from mdmtheory.samplers.plans.plan import Plan
from mdmtheory.samplers.randomness import Purpose, uniforms


@dataclasses.dataclass(frozen=True, eq=False, repr=False)
class Samples:
    """Complete sequences and what they cost.

    Attributes:
        tokens: (B, L) int64, no holes.
        network_calls: (B,) int64, how often each row was sent to the denoiser.
    """

    tokens: Int[Tensor, "B L"]
    network_calls: Int[Tensor, " B"]

    def __repr__(self) -> str:
        batch, length = self.tokens.shape
        mean = float(self.network_calls.double().mean()) if batch else 0.0
        return f"Samples(batch={batch}, length={length}, mean network_calls={mean:.1f})"


@torch.no_grad()
def sample(
    denoiser: Denoiser,
    plan: Plan,
    *,
    prompt: Int[Tensor, "*B L"] | None = None,
    max_batch: int | None = None,
) -> Samples:
    """Draw sequences along a plan.

    A row is sent to the denoiser once for each distinct round it has, with its own time, and only the positions it
    reveals there are asked for; rows at different rounds share a batch, and a row that is complete makes room for the
    next. Every draw is keyed by row, so the result does not depend on `max_batch`, on the order of the rows, or on how
    a batch is split; with a network, up to ties within the rounding of its logits.

    Args:
        denoiser: Any `Denoiser`; it is called with float64 times.
        plan: Who is revealed when. It is moved to the denoiser's device.
        prompt: (L,) or (B, L) tokens with holes (`mask_id`): revealed exactly where the plan's rounds are −1. Given
            tokens are kept and not paid for. None where the plan gives nothing.
        max_batch: The most rows to send at once; None for all of them.

    Returns:
        The tokens and calls per row, on the denoiser's device, in the order of the plan's rows.

    Raises:
        ValueError: The prompt and the plan disagree, an argument is wrong, or the denoiser answers with the wrong shape
            or with no law.
    """
    if not isinstance(plan, Plan):
        raise ValueError(f"plan must be a Plan, got {type(plan).__name__}")
    limit = max(len(plan), 1) if max_batch is None else check_count("max_batch", max_batch)
    plan = plan.to(denoiser.device)
    tokens = _start(denoiser, plan, prompt)
    visits, calls = plan.visits, plan.network_calls
    made = torch.zeros_like(calls)
    # The longest rows go first, so that no straggler is left to walk alone. Rows without holes never go.
    queue = calls.argsort(descending=True, stable=True)[: int((calls > 0).sum())]
    active, queue = queue[:limit], queue[limit:]
    while len(active):
        at = visits[active] == made[active].unsqueeze(1)
        row, position = at.nonzero(as_tuple=True)
        # Every active row reveals something, and all of it in one round.
        revealed_in = plan.rounds[active[row], position]
        rounds = torch.empty_like(active).index_put_((row,), revealed_in)
        times = plan.times[rounds] if plan.times.dim() == 1 else plan.times[active, rounds]
        log_probs = _ask(denoiser, tokens[active], times, at, len(row))
        u = uniforms(plan.row_keys[active[row]], Purpose.TOKEN, revealed_in, position)
        tokens[active[row], position] = categorical(u, log_probs=log_probs)
        made[active] += 1
        active = active[made[active] < calls[active]]
        room = limit - len(active)
        active, queue = torch.cat((active, queue[:room])), queue[room:]
    return Samples(tokens, made)


def _start(denoiser: Denoiser, plan: Plan, prompt: Tensor | None) -> Int[Tensor, "B L"]:
    """The prompt with holes at all positions to generate, after a check that it fits the plan."""
    hidden = plan.hidden
    if prompt is None:
        if not bool(hidden.all()):
            row, position = (int(i) for i in (~hidden).nonzero()[0])
            raise ValueError(f"prompt is needed: the plan gives position {position} of row {row} (round -1)")
        return torch.full_like(plan.rounds, denoiser.mask_id)
    given = torch.as_tensor(prompt)
    batch, length = plan.rounds.shape
    if given.shape not in ((length,), (batch, length)):
        raise ValueError(f"prompt must have shape ({length},) or ({batch}, {length}), got {tuple(given.shape)}")
    given = check_tokens(
        given.reshape(-1, length), denoiser.vocab_size, holes=True, device=denoiser.device, name="prompt"
    ).expand(batch, length)
    clash = (given == denoiser.mask_id) != hidden
    if bool(clash.any()):
        row, position = (int(i) for i in clash.nonzero()[0])
        here = "has a hole" if bool(hidden[row, position].logical_not()) else f"gives token {given[row, position]}"
        raise ValueError(
            f"prompt {here} at position {position} of row {row}, where the plan says round "
            f"{plan.rounds[row, position]}; holes must be exactly the positions with a round, so build the plan "
            "with hidden = (prompt == mask_id)"
        )
    return given.clone()


def _ask(
    denoiser: Denoiser, tokens: Tensor, times: Float[Tensor, " b"], at: Tensor, count: int
) -> Float[Tensor, "K V"]:
    """Call the denoiser and check the shape of what it says."""
    log_probs = denoiser(tokens, times, at)
    if log_probs.shape != (count, denoiser.vocab_size):
        raise ValueError(
            f"denoiser answered with shape {tuple(log_probs.shape)}; {count} positions were asked for, so "
            f"({count}, {denoiser.vocab_size}) is right"
        )
    return log_probs
