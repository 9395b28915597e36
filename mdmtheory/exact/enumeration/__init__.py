"""Exact laws of samplers by enumeration of all states: any denoiser, trained networks included, at small V^L.

A state is a sequence with holes, or a noisy one; one step maps the law on states to the next one, because positions
move independently given the state. Everything is float64 and without sampling error.

    law             the marginal law, of the sequences that come out, and its errors: plans' schemes, policies, kernels
    path_kl         the path law, of sequence and reveal order together
    learning_error  what the denoiser's own error contributes to the path law
"""

from __future__ import annotations

import torch
from jaxtyping import Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.denoisers import Denoiser
from mdmtheory.exact.enumeration.affordable import MOST_KEPT, MOST_WORK, ROWS_PER_CALL, check_affordable
from mdmtheory.exact.enumeration.chains import chain_law
from mdmtheory.exact.enumeration.enumerated_law import EnumeratedLaw, entropy, sequences
from mdmtheory.exact.enumeration.path_law import learning_error, path_kl
from mdmtheory.exact.enumeration.reveals import Reveals, reveals_law
from mdmtheory.samplers.draws.decoding import PLAIN, Decoding
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.run.compatibility import check_fits
from mdmtheory.samplers.run.start_rows import check_prompt
from mdmtheory.samplers.schemes import Scheme

__all__ = [
    "MOST_KEPT",
    "MOST_WORK",
    "ROWS_PER_CALL",
    "EnumeratedLaw",
    "check_affordable",
    "entropy",
    "law",
    "learning_error",
    "path_kl",
    "sequences",
]


def law(
    denoiser: Denoiser,
    length: int,
    sampler: Scheme | Policy | Kernel,
    *,
    prompt: Int[Tensor, " L"] | None = None,
    decoding: Decoding = PLAIN,
) -> EnumeratedLaw:
    """Exact law of the sequences that a denoiser writes under a scheme, a policy or a kernel.

    Cost: for schemes and policies up to (2V + 1)^H products and (V + 1)^H sequences through the denoiser in each round,
    H the number of holes; for kernels n^{2H} and n^H in each step, n states of a position.

    Args:
        denoiser: Any denoiser over V tokens; for kernels with uniform noise one that reads noisy tokens.
        length: L ≥ 1.
        sampler: Who is revealed when (`mdmtheory.samplers.schemes`), what picks the next positions from the denoiser's
            answer (`policies`), or a step of a chain from noise to data (`kernels`).
        prompt: (L,) tokens with holes (V), for infilling; errors of the law are then against the language given them.
        decoding: Temperature, top-k and nucleus.

    Raises:
        ValueError: More work than `MOST_WORK` in a round, an impossible prompt, or a denoiser of another noise.
    """
    length = check_count("length", length)
    if not isinstance(sampler, Scheme | Policy | Kernel):
        raise ValueError(f"sampler must be a scheme, a policy or a kernel, got {type(sampler).__name__}")
    check_fits(denoiser, sampler)
    if prompt is None:
        given = None
    else:
        raw = torch.as_tensor(prompt)
        if raw.shape != (length,):
            raise ValueError(f"prompt must have shape ({length},), got {tuple(raw.shape)}")
        given = tuple(check_prompt(denoiser, raw, 1, length)[0].tolist())
    if isinstance(sampler, Kernel):
        probs, logs = chain_law(denoiser, sampler, given or (denoiser.mask_id,) * length, decoding), None
    else:
        probs, logs = reveals_law(Reveals(denoiser, length, sampler, prompt=given, decoding=decoding))
    return EnumeratedLaw(probs, denoiser.vocab_size, length, given, logs)
