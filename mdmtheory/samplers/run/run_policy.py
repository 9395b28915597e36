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

    def advance(active: Int[Tensor, " b"]) -> Bool[Tensor, " b"]:
        here = tokens[active]
        times = (here == denoiser.mask_id).sum(1).double() / to_generate[active]
        log_probs = ask_holes(denoiser, here, times).log_probs
        chosen = chosen_positions(policy, here, log_probs)
        row, position = chosen.nonzero(as_tuple=True)
        u = uniforms(start.keys[active[row]], Purpose.TOKEN, calls[active[row]], position)
        tokens[active[row], position] = categorical(u, log_probs=decoding(log_probs[chosen]))
        calls[active] += 1
        return (tokens[active] != denoiser.mask_id).all(1)

    walk((to_generate > 0).nonzero()[:, 0], limit, advance)
    return Samples(tokens, calls)
