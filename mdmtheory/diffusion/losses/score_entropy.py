"""Denoising score entropy (SEDD), and plain score entropy against an exact score."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.diffusion_loss import DiffusionLoss, Output
from mdmtheory.diffusion.losses.expectation import cross_entropies
from mdmtheory.diffusion.losses.loss import Minimum
from mdmtheory.diffusion.losses.times import TimeSampling, continuous_times, noisy_alpha
from mdmtheory.diffusion.processes import Absorbing, Process
from mdmtheory.diffusion.schedules import Linear, Schedule


@final
class DenoisingScoreEntropy(DiffusionLoss):
    """∫_0^1 σ'(t) E Σ_i Σ_{y≠x_t} ν(x_t) [s(y) − a(y) log s(y) + a(y)(log a(y) − 1)] dt,  a(y) = q(y|x_0)/q(x_t|x_0).

    SEDD's loss (2310.16834, eq. 10). The bracket is at least 0, and 0 at s = a; averaged over x_0 its least value is at
    the concrete score. With r = α/(1 − α) = 1/(e^σ̄ − 1) and V tokens the cases are

        absorbing, masks only    Σ_v s_v − r log s_{x_0} + r(log r − 1);  a revealed token contributes nothing
        uniform, x_t = x_0       a = 1/(1 + rV) for every y
        uniform, x_t ≠ x_0       a = 1 + rV for y = x_0, and 1 for the others

    computed as a(y)(e^{d} − 1 − d), d = log s − log a, which cannot lose its small values to cancellation. With a score
    made from a normalised posterior the absorbing case is `Subs`, draw by draw.

    Args:
        process: Absorbing or uniform.
        schedule: α(t). Its choice moves the variance alone. Published code has `Linear(1e-3)` with absorbing noise, for
            which the bound is infinite, and `Geometric(exact_ends=False)` with uniform noise.
        sampling: How the times of a batch are spread.
    """

    output: ClassVar[Output] = "log-score"
    minimum: Minimum = "entropy"

    def __init__(
        self, process: Process, schedule: Schedule | None = None, *, sampling: TimeSampling = "stratified"
    ) -> None:
        super().__init__(process, sampling)
        self.schedule = Linear() if schedule is None else schedule

    def times(
        self,
        batch: int,
        length: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        return continuous_times(batch, self.sampling, generator, device)

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return noisy_alpha(self.schedule, time)

    def weigh(self, total: Float[Tensor, " B"], time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        return total * self.schedule.noise_rate(time).to(total.dtype) / length

    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        alpha = self.alpha(time)
        if isinstance(self.process, Absorbing):
            ratio = (alpha / (1 - alpha)).to(output.dtype)
            excess = output - ratio.log()[:, None]
            return ratio * (excess.exp().sum(-1) - 1 - excess.gather(-1, tokens[:, None])[:, 0])
        log_odds = torch.log1p(self.process.vocab_size * alpha / (1 - alpha))
        is_clean = torch.arange(self.process.vocab_size, device=output.device) == tokens[:, None]
        at_clean = (noisy == tokens)[:, None]
        log_ratio = torch.where(at_clean, -log_odds[:, None], torch.where(is_clean, log_odds[:, None], 0))
        return _bregman(output, log_ratio.to(output.dtype), noisy).sum(-1) / self.process.vocab_size

    def expected_terms(
        self,
        output: Float[Tensor, "K V"],
        law: Float[Tensor, "K V"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """The bracket at the concrete score ā(y) = E a(y), and what a(y) scatters about it, which no model can save.

        s − E a log s + E f(a) = [s − ā log s + f(ā)] + [E f(a) − f(ā)],  f(a) = a(log a − 1)
        """
        alpha = self.alpha(time)
        if isinstance(self.process, Absorbing):
            ratio = (alpha / (1 - alpha)).to(output.dtype)
            excess = output - ratio.log()[:, None]
            return ratio * (excess.exp().sum(-1) - 1 + cross_entropies(law, excess))
        law, odds = law.double(), (self.process.vocab_size * alpha / (1 - alpha))[:, None]
        stays = law.gather(-1, noisy[:, None])
        mean = stays / (1 + odds) + (1 - stays) + odds * law
        scatter = stays * _negative_entropy(1 / (1 + odds)) - (1 - stays - law) + law * _negative_entropy(1 + odds)
        others = torch.arange(self.process.vocab_size, device=output.device) != noisy[:, None]
        scatter = torch.where(others, scatter - _negative_entropy(mean), 0).sum(-1)
        losses = _bregman(output, mean.log().to(output.dtype), noisy).sum(-1) + scatter.to(output.dtype)
        return losses / self.process.vocab_size


def score_entropy(
    process: Process,
    log_scores: Float[Tensor, "B L V"],
    exact_log_scores: Float[Tensor, "B L V"],
    noisy: Int[Tensor, "B L"],
    noise_rate: Float[Tensor, " B"],
) -> Float[Tensor, " B"]:
    """Score entropy against the exact score, nats per sequence and unit of time; at least 0, and 0 at the exact score.

    σ'(t) Σ_i Σ_{y≠x} ν(x) [s(y) − s*(y) log s(y) + s*(y)(log s*(y) − 1)] (2310.16834, eq. 5). Integrated over time and
    x_t it is the KL between the exact reverse process and that with score s: `DenoisingScoreEntropy` less H(q).

    Args:
        process: Absorbing or uniform.
        log_scores: log p_t(x with v at this position) − log p_t(x) of the model, −inf allowed.
        exact_log_scores: The same of the truth.
        noisy: x_t.
        noise_rate: σ'(t) of each row.

    Raises:
        ValueError: Shapes that do not fit.
    """
    wanted = (*noisy.shape, process.vocab_size)
    for name, scores in (("log_scores", log_scores), ("exact_log_scores", exact_log_scores)):
        if scores.shape != wanted:
            raise ValueError(f"{name} must have shape {wanted}, got {tuple(scores.shape)}")
    into = process.base(noisy.device)[noisy] * noise_rate.double()[:, None]
    losses = _bregman(log_scores, exact_log_scores, noisy).sum(-1)
    return torch.where(into > 0, into.to(losses.dtype) * losses, 0).sum(-1)


def _negative_entropy(a: Tensor) -> Tensor:
    """f(a) = a(log a − 1), the convex function behind the bracket."""
    return torch.special.xlogy(a, a) - a


def _bregman(log_scores: Tensor, log_targets: Tensor, noisy: Tensor) -> Tensor:
    """S − a log s + a(log a − 1) = a(e^d − 1 − d) at every v but the noisy token itself; s where a = 0."""
    tokens = torch.arange(log_scores.shape[-1], device=log_scores.device)
    possible = log_targets > -torch.inf
    excess = torch.where(possible, log_scores, 0) - torch.where(possible, log_targets, 0)
    losses = torch.where(possible, log_targets.exp() * (torch.expm1(excess) - excess), log_scores.exp())
    return torch.where(tokens == noisy[..., None], 0, losses)
