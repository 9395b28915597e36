"""What every diffusion loss has: times, noise, and what a position says at each of them."""

from __future__ import annotations

import abc
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.loss import Loss, Network
from mdmtheory.diffusion.losses.times import TimeSampling, check_sampling
from mdmtheory.diffusion.parametrisations import Parametrisation, log_posterior, log_score
from mdmtheory.diffusion.processes import Absorbing, Process

Output = Literal["log-posterior", "log-score"]


class DiffusionLoss(Loss):
    """A bound on −log p(x)/L, p the law that the reverse process writes, as an average over times and noise.

    With t drawn by `times` and x_t by `noise`, E `value` ≥ −log p(x)/L for every sequence x, and its least average over
    x ~ q, reached by the exact posterior or score, is `minimum` over L:

        "entropy"               H(q): the reverse process in continuous time can be exact
        "entropy and path KL"   H(q) + the path KL of N steps, each of which draws its positions independently

    Both hold where α runs from 1 to 0 without a jump; with one the KL between the law at `schedule.limits` and pure
    noise is owed on top (`Process.prior_kl`).

    Attributes:
        process: The noise.
        sampling: How the times of a batch are spread; see `losses.times.unit_levels`.
        output: What `value` takes: "log-posterior", normalised log p(x_0 = v | x_t), or "log-score",
            log p_t(x with v at this position) − log p_t(x). Last axis V.
    """

    output: ClassVar[Output]
    draws: ClassVar[int] = 8  # by time a loss spreads far more than by the number of masks

    def __init__(self, process: Process, sampling: TimeSampling) -> None:
        self.process, self.sampling = process, check_sampling(sampling)

    @abc.abstractmethod
    def times(
        self,
        batch: int,
        length: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        """Draw a time per row (float64), spread over the batch as `sampling` says."""

    @abc.abstractmethod
    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Probability that a token has not been redrawn."""

    @abc.abstractmethod
    def weigh(self, total: Float[Tensor, " B"], time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        """Turn the sum of the terms of each row into nats per token, the density of its time divided out."""

    @abc.abstractmethod
    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """What each position that counts contributes before the weight, nats."""

    def expected_terms(
        self,
        output: Float[Tensor, "K V"],
        law: Float[Tensor, "K V"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """Average of `terms` over clean tokens of the given law, Σ_v law(v) · terms(…, v, …), nats.

        Token by token here; losses that know a shorter way say so.
        """
        total = torch.zeros(len(noisy), dtype=output.dtype, device=output.device)
        for token in range(law.shape[-1]):
            (row,) = law[:, token].nonzero(as_tuple=True)  # what is impossible may cost anything, and costs nothing
            terms = self.terms(output[row], torch.full_like(row, token), noisy[row], time[row])
            total = total.index_add(0, row, (law[row, token] * terms).to(total.dtype))
        return total

    def level(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The noise fraction that a network is told."""
        return 1 - self.alpha(time)

    def noise(
        self, tokens: Int[Tensor, "B L"], time: Float[Tensor, " B"], *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        """Draw x_t given x_0 = `tokens`."""
        return self.process.add_noise(tokens, self.alpha(time), generator=generator)

    def positions(self, noisy: Int[Tensor, "B L"]) -> Bool[Tensor, "B L"]:
        """Where the loss looks at the network's output: at masks, or everywhere."""
        if isinstance(self.process, Absorbing):
            return noisy == self.process.mask_id
        return torch.ones_like(noisy, dtype=torch.bool)

    @final
    def value(
        self,
        output: Float[Tensor, "*positions V"],
        tokens: Int[Tensor, "B L"],
        noisy: Int[Tensor, "B L"],
        time: Float[Tensor, " B"],
        law: Float[Tensor, "*positions V"] | None = None,
    ) -> Float[Tensor, " B"]:
        """Value of each row, nats per token.

        Args:
            output: (B, L, V), or (K, V) of the K `positions(noisy)` in row-major order; what it means: see `output`
                of the class.
            tokens: x_0.
            noisy: x_t.
            time: t of each row, as drawn by `times`.
            law: Exact p(x_0 | x_t), shaped as `output`, over which x_0 is averaged; None for x_0 itself.

        Raises:
            ValueError: An output or law of another shape.
        """
        wanted = self.positions(noisy)
        index = wanted.flatten().nonzero()[:, 0]
        output = self._counted("output", output, noisy, index)
        row = index // noisy.shape[1]
        time = time.double()
        if law is None:
            terms = self.terms(output, tokens.flatten()[index], noisy.flatten()[index], time[row])
        else:
            law = self._counted("law", law, noisy, index)
            terms = self.expected_terms(output, law, noisy.flatten()[index], time[row])
        total = torch.zeros(len(noisy), dtype=terms.dtype, device=terms.device).index_add(0, row, terms)
        return self.weigh(total, time, noisy.shape[1])

    def _counted(self, name: str, output: Tensor, noisy: Tensor, index: Tensor) -> Float[Tensor, "K V"]:
        """The rows of the positions that count."""
        if output.shape == (*noisy.shape, self.process.vocab_size):
            return output.flatten(0, 1).index_select(0, index)
        if output.shape != (len(index), self.process.vocab_size):
            raise ValueError(
                f"{name} must have shape {(*noisy.shape, self.process.vocab_size)}, or {len(index)} rows for the "
                f"positions that count; got {tuple(output.shape)}"
            )
        return output

    @final
    def reading(self, network: Network, parametrisation: Parametrisation) -> Network:
        """Log-posteriors or log-scores, as `output` says."""
        convert = log_score if self.output == "log-score" else log_posterior

        def model(noisy: Int[Tensor, "B L"], time: Float[Tensor, " B"], at: Bool[Tensor, "B L"]) -> Tensor:
            logits = network(noisy, time, at).float()
            alpha = (1 - time)[at.nonzero()[:, 0]]
            return convert(logits, noisy[at], alpha, self.process, parametrisation)

        return model

    @final
    def estimate(
        self,
        model: Network,
        tokens: Int[Tensor, "B L"],
        *,
        generator: torch.Generator | None = None,
        truth: Network | None = None,
    ) -> Float[Tensor, " B"]:
        """One draw of time and noise for every row; `model(noisy, level, positions)` answers what `output` says."""
        time = self.times(*tokens.shape, generator=generator, device=tokens.device)
        noisy = self.noise(tokens, time, generator=generator)
        question = noisy, self.level(time), self.positions(noisy)
        law = None if truth is None else truth(*question).exp()
        return self.value(model(*question), tokens, noisy, time, law)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "minimum")
        return f"{type(self).__name__}({options})"
