"""Running a policy: the denoiser's answer says which positions come next, and what they are."""

from __future__ import annotations

import torch
from jaxtyping import Bool, Int
from torch import Tensor

from mdmtheory.denoisers.ask import ask_holes
from mdmtheory.denoisers.protocol import Denoiser
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.decoding import Decoding
from mdmtheory.samplers.draws.randomness import Purpose, uniforms
from mdmtheory.samplers.policies import Policy, chosen_positions
from mdmtheory.samplers.run.start_rows import Start
from mdmtheory.samplers.run.work_queue import walk
from mdmtheory.samplers.samples import Samples


def run_policy(denoiser: Denoiser, policy: Policy, start: Start, decoding: Decoding, limit: int) -> Samples:
    """Draw sequences under a policy; arguments as in `mdmtheory.samplers.sample`.

    The denoiser is told the fraction of the positions to generate that are still hidden.
    """
    tokens, calls = start.tokens, torch.zeros_like(start.keys)
    to_generate = (~start.given).sum(1)
    positions = torch.arange(tokens.shape[1], device=tokens.device)

    def advance(active: Int[Tensor, " b"]) -> Bool[Tensor, " b"]:
        here = tokens[active]
        times = (here == denoiser.mask_id).sum(1).double() / to_generate[active]
        answer, keys, number = ask_holes(denoiser, here, times), start.keys[active, None], calls[active, None]
        luck = uniforms(keys, Purpose.CHOICE, number, positions) if policy.by_chance else None

        def drawn_at(row: Int[Tensor, " K"], position: Int[Tensor, " K"]) -> Int[Tensor, " K"]:
            u = uniforms(start.keys[active[row]], Purpose.TOKEN, calls[active[row]], position)
            return categorical(u, log_probs=decoding(answer.log_probs[row, position]))

        if policy.ranks_drawn:
            row, position = (here == denoiser.mask_id).nonzero(as_tuple=True)
            filled = here.index_put((row, position), drawn_at(row, position))
            chosen = chosen_positions(policy, here, answer.as_said, filled, luck)
            tokens[active] = torch.where(chosen, filled, here)
        else:
            row, position = chosen_positions(policy, here, answer.as_said, luck=luck).nonzero(as_tuple=True)
            tokens[active[row], position] = drawn_at(row, position)
        calls[active] += 1
        return (tokens[active] != denoiser.mask_id).all(1)

    walk((to_generate > 0).nonzero()[:, 0], limit, advance)
    return Samples(tokens, calls)
