"""The discrete-time bound of D3PM, for any process."""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.entropy import row_entropies
from mdmtheory.diffusion.losses.diffusion_loss import DiffusionLoss, Output
from mdmtheory.diffusion.losses.expectation import kl_divergences
from mdmtheory.diffusion.losses.loss import Minimum
from mdmtheory.diffusion.losses.times import TimeSampling, grid_times, noisy_alpha, previous_time
from mdmtheory.diffusion.processes import Process
from mdmtheory.diffusion.schedules import Linear, Schedule


@final
class DiscreteTime(DiffusionLoss):
    """Σ_k E Σ_i KL(q(x_s | x_t, x_0) ‖ p(x_s | x_t)) over N steps t = k/N → s = t − 1/N (D3PM, 2107.03006, eq. 1).

    p(x_s | x_t) is `Process.posterior` with the network's p(x_0 | x_t), the "x_0-parametrisation"; the step to s = 0 is
    the reconstruction term −log p(x_0 | x_t). Under absorbing noise it is `Subs` of N steps. As N grows it falls to the
    bound in continuous time, `DenoisingScoreEntropy` of the same posterior.

    Args:
        process: Absorbing or uniform.
        num_steps: N.
        schedule: α(t).
        sampling: How the times of a batch are spread.

    Raises:
        ValueError: num_steps below one.
    """

    output: ClassVar[Output] = "log-posterior"
    minimum: Minimum = "entropy and path KL"

    def __init__(
        self,
        process: Process,
        num_steps: int,
        schedule: Schedule | None = None,
        *,
        sampling: TimeSampling = "stratified",
    ) -> None:
        super().__init__(process, sampling)
        self.num_steps = check_count("num_steps", num_steps)
        self.schedule = Linear() if schedule is None else schedule

    def times(
        self,
        batch: int,
        length: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        return grid_times(batch, self.num_steps, self.sampling, generator, device)

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return noisy_alpha(self.schedule, time)

    def weigh(self, total: Float[Tensor, " B"], time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        return total * self.num_steps / length

    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        clean = F.one_hot(tokens, self.process.vocab_size).double()
        target, reverse = self._steps(noisy, time, clean, output.exp().double())
        return kl_divergences(target, reverse).to(output.dtype)

    def expected_terms(
        self,
        output: Float[Tensor, "K V"],
        law: Float[Tensor, "K V"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """KL(q(x_s | x_t) ‖ p(x_s | x_t)), and what knowing x_0 adds, I(x_s; x_0 | x_t), which no model can save.

        Noise treats tokens alike, so q(x_s | x_t, x_0) has one entropy where x_0 is the noisy token, one elsewhere.
        """
        law, vocab_size = law.double(), self.process.vocab_size
        same = noisy.clamp(max=vocab_size - 1)
        cleans = [F.one_hot(v, vocab_size).double() for v in (same, (same + 1) % vocab_size)]
        target, reverse, *given = self._steps(noisy, time, law, output.exp().double(), *cleans)
        stays = torch.where(noisy < vocab_size, law.gather(-1, same[:, None])[:, 0], 0)
        at_same, elsewhere = map(row_entropies, given)
        information = row_entropies(target) - stays * at_same - (1 - stays) * elsewhere
        return (kl_divergences(target, reverse) + information).to(output.dtype)

    def _steps(self, noisy: Tensor, time: Tensor, *clean: Float[Tensor, "K V"]) -> list[Float[Tensor, "K n"]]:
        """Laws of x_s given x_t, for each law of x_0."""
        start, end = self.alpha(time), self.schedule.alpha(previous_time(time, self.num_steps))
        return [self.process.posterior(noisy, law, start, end) for law in clean]
