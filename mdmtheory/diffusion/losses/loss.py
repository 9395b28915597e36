"""What every diffusion loss has: times, noise, a value in nats, and what that value bounds."""

from __future__ import annotations

import abc
from typing import ClassVar, Literal, final

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.network import Network
from mdmtheory.diffusion.masking import TimeSampling, unit_levels
from mdmtheory.diffusion.processes import Absorbing, Process
from mdmtheory.diffusion.schedules import Schedule

Output = Literal["log-posterior", "log-score"]
Minimum = Literal["entropy", "entropy and path KL"]


class Loss(abc.ABC):
    """A bound on −log p(x), p the law that the reverse process writes, as an average over times and noise.

    With t drawn by `times` and x_t by `noise`, E `value` ≥ −log p(x) for every sequence x (nats for the whole
    sequence), and its least average over x ~ q, reached by the exact posterior or score, is `minimum`:

        "entropy"               H(q): the reverse process in continuous time can be exact
        "entropy and path KL"   H(q) + the path KL of N steps, each of which draws its positions independently

    Both hold where α runs from 1 to 0 without a jump; with one the KL between the law at `schedule.limits` and pure
    noise is owed on top (`Process.prior_kl`).

    Attributes:
        process: The noise.
        output: What `value` takes: "log-posterior", normalised log p(x_0 = v | x_t), or "log-score",
            log p_t(x with v at this position) − log p_t(x). Last axis V.
        minimum: The least average over the data.
    """

    output: ClassVar[Output]
    minimum: Minimum

    def __init__(self, process: Process) -> None:
        self.process = process

    @abc.abstractmethod
    def times(
        self,
        batch: int,
        length: int,
        *,
        sampling: TimeSampling = "stratified",
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        """Draw a time per row (float64), spread over the batch as `sampling` says (see `masking.unit_levels`)."""

    @abc.abstractmethod
    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """Probability that a token has not been redrawn."""

    @abc.abstractmethod
    def weight(self, time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        """Weight of a time (float64), the density it is drawn with divided out."""

    @abc.abstractmethod
    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        """What each position that counts contributes before the weight, nats."""

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
    ) -> Float[Tensor, " B"]:
        """Value of each row, nats for the whole sequence.

        Args:
            output: (B, L, V), or (K, V) of the K `positions(noisy)` in row-major order; what it means: see `output`
                of the class.
            tokens: x_0.
            noisy: x_t.
            time: t of each row, as drawn by `times`.

        Raises:
            ValueError: An output of another shape.
        """
        wanted = self.positions(noisy)
        index = wanted.flatten().nonzero()[:, 0]
        if output.shape == (*noisy.shape, self.process.vocab_size):
            output = output.flatten(0, 1).index_select(0, index)
        elif output.shape != (len(index), self.process.vocab_size):
            raise ValueError(
                f"output must have shape {(*noisy.shape, self.process.vocab_size)}, or {len(index)} rows for the "
                f"positions that count; got {tuple(output.shape)}"
            )
        row = index // noisy.shape[1]
        time = time.double()
        terms = self.terms(output, tokens.flatten()[index], noisy.flatten()[index], time[row])
        total = torch.zeros(len(noisy), dtype=terms.dtype, device=terms.device).index_add(0, row, terms)
        return total * self.weight(time, noisy.shape[1]).to(total.dtype)

    @final
    def estimate(
        self,
        model: Network,
        tokens: Int[Tensor, "B L"],
        *,
        sampling: TimeSampling = "stratified",
        generator: torch.Generator | None = None,
    ) -> Float[Tensor, " B"]:
        """One draw of time and noise for every row: unbiased for the bound, nats for the whole sequence.

        Args:
            model: Called once, `model(noisy, 1 − α, positions)`; its answer is what `output` says.
            tokens: (B, L) complete sequences.
            sampling: How the times of the batch are spread.
            generator: Source of randomness on the device of the tokens.
        """
        time = self.times(*tokens.shape, sampling=sampling, generator=generator, device=tokens.device)
        noisy = self.noise(tokens, time, generator=generator)
        answer = model(noisy, 1 - self.alpha(time), self.positions(noisy))
        return self.value(answer, tokens, noisy, time)

    def __repr__(self) -> str:
        options = ", ".join(f"{name}={value!r}" for name, value in vars(self).items() if name != "minimum")
        return f"{type(self).__name__}({options})"


LATEST = 1 - 2**-24
"""Last time that is drawn: at 1 itself rates are infinite."""
LEAST_NOISE = 2**-50
"""Least 1 − α of a time that is drawn: below it rounding would leave no noise at all, and weights of 1/0."""


def noisy_alpha(schedule: Schedule, time: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
    """α(t), at most 1 − 2⁻⁵⁰."""
    return schedule.alpha(time).clamp(max=1 - LEAST_NOISE)


def continuous_times(
    batch: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device | str
) -> Float[Tensor, " B"]:
    """Draw times uniform on (0, 1)."""
    levels = unit_levels(batch, sampling, generator, torch.device(device)).double()
    return (1 - levels).clamp(max=LATEST)


def grid_times(
    batch: int, num_steps: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device | str
) -> Float[Tensor, " B"]:
    """Draw times uniform on 1/N, 2/N, …, 1."""
    levels = unit_levels(batch, sampling, generator, torch.device(device)).double()
    return ((levels * num_steps).floor().clamp(max=num_steps - 1) + 1) / num_steps


def previous_time(time: Float[Tensor, "*n"], num_steps: int) -> Float[Tensor, "*n"]:
    """The time one step of 1/N before a time on the grid, exactly 0 at the last step."""
    return ((time * num_steps).round() - 1) / num_steps
