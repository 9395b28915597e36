"""Euler's step on the reverse rates: τ-leaping with one jump at most."""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.processes import Process
from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties


@final
class Euler(Kernel):
    """x_s^i ~ δ(x_t^i) + Δt · reverse rate(x_t^i → ·), rates frozen at time t: SEDD, eq. 18.

    The rate is σ'(t) ν(x) p_t(y)/p_t(x), σ̄ = −ln α. Where Δt times the rate out of a token exceeds one, the token
    surely leaves, in proportion to its rates (published code: negative probabilities count as zero). The step into
    time 0 is the posterior step, as in published code; an Euler step would leave holes behind.
    """

    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=False,
        needs_time=True,
        literature="Euler sampler, τ-leaping (SEDD)",
        source="2205.14987, 2310.16834",
    )

    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        law = euler_law(self.process, step.tokens, log_probs.exp(), step.alpha_from, self._drop(step))
        last = (step.time_to == 0)[:, None, None]
        if bool(last.any()):
            law = torch.where(last, self.process.posterior(step.tokens, log_probs.exp(), *step.alphas), law)
        return law

    def fill_and_erase(self, step: Step) -> FillErase | None:
        rate = self._drop(step) / (1 - step.alpha_from).clamp(min=1e-300)
        return torch.where(step.time_to == 0, 1.0, rate.clamp(max=1)), 0.0

    def _drop(self, step: Step) -> Float[Tensor, " B"]:
        """−α'(t) Δt, the linear forecast of α_s − α_t."""
        return -self.schedule.dalpha(step.time_from) * (step.time_from - step.time_to)


def euler_law(
    process: Process,
    tokens: Int[Tensor, "B L"],
    clean_probs: Float[Tensor, "B L V"],
    before: Float[Tensor, " B"],
    drop: Float[Tensor, " B"],
) -> Float[Tensor, "B L n"]:
    """Euler's step, from p(x_0 | x_t).

    Args:
        process: The noise.
        tokens: x_t.
        clean_probs: p(x_0 | x_t).
        before: α_t.
        drop: −α'(t) Δt = σ'(t) Δt α_t.
    """
    # σ'(t) Δt · score = drop · (score/α_t). At α_t = 0 the score is the base law's: of masks score/α_t has the limit
    # p(x_0 | x_t), of uniform noise it is infinite.
    noise = before == 0
    level = torch.where(noise, 1.0, before)
    scores = process.scores(tokens, clean_probs, before)
    rates = process.reverse_rates(tokens, scores, drop / level)
    here = F.one_hot(tokens, process.num_states).double()
    if bool(noise.any()):
        rates = torch.where(noise[:, None, None], _from_noise(process, clean_probs, here, drop), rates)
    law = (here + rates).clamp(min=0)
    return law / law.sum(-1, keepdim=True)


def _from_noise(
    process: Process, clean_probs: Float[Tensor, "B L V"], here: Float[Tensor, "B L n"], drop: Float[Tensor, " B"]
) -> Float[Tensor, "B L n"]:
    """Rates times Δt out of pure noise, in the limit α → 0."""
    if process.num_states > process.vocab_size:
        into = drop[:, None, None] * F.pad(clean_probs.double(), (0, 1)) * here[..., -1:]
    else:
        into = (drop > 0)[:, None, None] * (1 - here)
    return into - here * into.sum(-1, keepdim=True)
