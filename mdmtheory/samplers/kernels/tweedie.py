"""Tweedie's step of score-entropy diffusion: from concrete scores alone."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes import Process
from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step, unmask_probability
from mdmtheory.samplers.properties import Properties

CANCELLATION = 1e-13
"""What the difference of two numbers of size one may be off, and more."""


@final
class Tweedie(Kernel):
    """p(x_s^i = y) = [T⁻ᵀ s_t]_y · T(y, x_t^i), T the transition from s to t and s_t the concrete score: SEDD, eq. 19.

    The first factor, the "staggered score", takes the noise between s and t back out of the score; the second is the
    transposed transition. With scores that some posterior has it is the ancestral step (ledger `tweedie-is-ancestral`);
    learned scores need not have one, and what is negative is then cut off, as in published code. Taking the noise out
    is a difference: of what is left, less than 1e−13 of the noise counts as zero.
    """

    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞; at every N for one hidden position",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=False,
        needs_time=True,
        literature="Tweedie τ-leaping, analytic sampler (SEDD)",
        source="2310.16834",
    )

    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        tokens, (before, after) = step.tokens, step.alphas
        law = tweedie_law(self.process, tokens, self.process.scores(tokens, log_probs.exp(), before), before, after)
        if bool((before == 0).any()):
            # The score of pure noise says nothing (0/0 above); the step's limit as α → 0 is the posterior step.
            limit = self.process.posterior(tokens, log_probs.exp(), before, after)
            law = torch.where((before == 0)[:, None, None], limit, law)
        return law

    def fill_and_erase(self, step: Step) -> FillErase | None:
        return unmask_probability(*step.alphas), 0.0


def tweedie_law(
    process: Process,
    tokens: Int[Tensor, "B L"],
    scores: Float[Tensor, "B L n"],
    before: Float[Tensor, " B"],
    after: Float[Tensor, " B"],
) -> Float[Tensor, "B L n"]:
    """Tweedie's step from any scores; meaningless in rows with α_t = 0.

    Args:
        process: The noise.
        tokens: x_t.
        scores: p_t(y)/p_t(x) for every y, 1 at y = x_t.
        before: α_t.
        after: α_s.
    """
    keep = torch.where(before > 0, before / after.clamp(min=1e-300), 1.0)[:, None, None]
    base = process.base(tokens.device)
    # T = κ I + (1 − κ) 1νᵀ, so T⁻ᵀ s = (s − (1 − κ) ν Σs)/κ.
    noise = (1 - keep) * base * scores.sum(-1, keepdim=True)
    staggered = scores - noise
    staggered = torch.where(staggered > CANCELLATION * noise, staggered, 0.0) / keep
    here = torch.nn.functional.one_hot(tokens, process.num_states).double()
    arrives = keep * here + (1 - keep) * base[tokens][..., None]
    law = staggered * arrives
    return law / law.sum(-1, keepdim=True)
