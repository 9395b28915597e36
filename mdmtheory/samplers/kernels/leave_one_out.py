"""The leave-one-out step: the denoiser is told nothing of a position's own noisy token."""

from __future__ import annotations

from typing import ClassVar, final

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.kernels.kernel import FillErase, Kernel
from mdmtheory.samplers.kernels.step import Step, unmask_probability
from mdmtheory.samplers.properties import Properties


@final
class LeaveOneOut(Kernel):
    """x_s^i ∝ T(x_s^i, x_t^i) Σ_{x_0} q(x_s^i | x_0) r(x_0), r the law of x_0^i given the OTHER positions of x_t.

    The denoiser's answer is read as r. With the exact r (`UniformOracle(language, leave_one_out=True)`) this is the
    exact law of x_s^i given x_t, so the step is the ancestral one; the position's own token enters by Bayes' rule, not
    through the denoiser. With an ordinary denoiser, which answers p(x_0 | x_t), it is the plug-in bridge of uniform
    diffusion models (UDLM, Duo) and counts the token's own evidence twice: biased at every N. Under absorbing noise
    both are the same, as a hole says nothing of its token.
    """

    properties: ClassVar[Properties] = Properties(
        exact="as N → ∞, with a leave-one-out denoiser; else never under uniform noise",
        calls="≤ N; masks: steps that fill a hole, uniform: N",
        revises=False,
        needs_time=True,
        literature="leave-one-out sampler; with an ordinary denoiser: plug-in bridge (UDLM, Duo)",
        source="2608.23554, 2605.22765",
    )

    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        clean_probs = self.process.from_leave_one_out(step.tokens, log_probs.exp(), step.alpha_from)
        return self.process.posterior(step.tokens, clean_probs, *step.alphas)

    def fill_and_erase(self, step: Step) -> FillErase | None:
        return unmask_probability(*step.alphas), 0.0
