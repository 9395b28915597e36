"""Ancestral sampling: the posterior step, exact for every single position."""

from __future__ import annotations

from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step, unmask_probability
from mdmtheory.samplers.properties import Properties


@final
class Ancestral(Kernel):
    """x_s^i ~ p(x_s^i | x_t) = Σ_{x_0} q(x_s^i | x_t^i, x_0) p(x_0^i = x_0 | x_t), all positions independently.

    Under absorbing noise a hole is filled with probability (α_s − α_t)/(1 − α_t): the law of `Bernoulli` reveals with
    w_k = α_s − α_t.
    """

    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞; at every N for one hidden position",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=False,
        needs_time=True,
        literature="ancestral sampling, D3PM reverse step, MDLM",
        source="2107.03006, 2406.07524",
    )

    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        return self.process.posterior(step.tokens, log_probs.exp(), *step.alphas)

    def fill_and_erase(self, step: Step) -> FillErase | None:
        return unmask_probability(*step.alphas), 0.0
