"""Running a plan: every row walks through its own rounds, and no network call is made for nothing."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.denoisers.ask import ask
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.decoding import Decoding
from mdmtheory.samplers.draws.randomness import Purpose, uniforms
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.run.start_rows import check_prompt
from mdmtheory.samplers.run.work_queue import walk
from mdmtheory.samplers.samples import Samples


def run_plan(denoiser: Denoiser, plan: Plan, tokens: Int[Tensor, "B L"], decoding: Decoding, limit: int) -> Samples:
    """Fill the holes of `tokens` (in place) along a plan on the same device.

    A row is sent to the denoiser once for each distinct round it has, with its own time, and only the positions it
    reveals there are asked for; rows at different rounds share a batch.
    """
    visits, calls = plan.visits, plan.network_calls
    made = torch.zeros_like(calls)

    def advance(active: Int[Tensor, " b"]) -> Bool[Tensor, " b"]:
        at = visits[active] == made[active].unsqueeze(1)
        row, position = at.nonzero(as_tuple=True)
        # Every active row reveals something, and all of it in one round.
        revealed_in = plan.rounds[active[row], position]
        rounds = torch.empty_like(active).index_put_((row,), revealed_in)
        times: Float[Tensor, " b"] = plan.times[rounds] if plan.times.dim() == 1 else plan.times[active, rounds]
        log_probs = decoding(ask(denoiser, tokens[active], times, at).log_probs)
        u = uniforms(plan.row_keys[active[row]], Purpose.TOKEN, revealed_in, position)
        tokens[active[row], position] = categorical(u, log_probs=log_probs)
        made[active] += 1
        return made[active] == calls[active]

    # The longest rows go first, so that no straggler is left to walk alone. Rows without holes never go.
    walk(calls.argsort(descending=True, stable=True)[: int((calls > 0).sum())], limit, advance)
    return Samples(tokens, made)


def start_of_plan(denoiser: Denoiser, plan: Plan, prompt: Tensor | None) -> Int[Tensor, "B L"]:
    """The prompt with holes at all positions to generate.

    Raises:
        ValueError: A prompt that does not fit the plan, or that the denoiser excludes.
    """
    hidden = plan.hidden
    if prompt is None:
        if not bool(hidden.all()):
            row, position = (int(i) for i in (~hidden).nonzero()[0])
            raise ValueError(f"prompt is needed: the plan gives position {position} of row {row} (round -1)")
        return torch.full_like(plan.rounds, denoiser.mask_id)
    tokens = check_prompt(denoiser, prompt, *plan.rounds.shape)
    clash = (tokens == denoiser.mask_id) != hidden
    if bool(clash.any()):
        row, position = (int(i) for i in clash.nonzero()[0])
        here = "has a hole" if bool(hidden[row, position].logical_not()) else f"gives token {tokens[row, position]}"
        raise ValueError(
            f"prompt {here} at position {position} of row {row}, where the plan says round "
            f"{plan.rounds[row, position]}; holes must be exactly the positions with a round, so build the plan "
            "with hidden = (prompt == mask_id)"
        )
    return tokens
