"""Ancestral sampling: the posterior step, exact for every single position."""

from __future__ import annotations

from typing import ClassVar, final

from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.samplers.kernels.kernel import Kernel, unmask_probability
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

    def step_probs(
        self,
        log_probs: Float[Tensor, "B L V"],
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L n"]:
        return self.process.posterior(tokens, log_probs.exp(), *self.levels(time_from, time_to))

    def leave_probs(
        self,
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L"] | None:
        return self.mask_leave_probs(tokens, unmask_probability(*self.levels(time_from, time_to)), 0.0)
