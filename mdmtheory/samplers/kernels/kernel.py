"""What a kernel is: one step of a sampler as a product over positions of laws given the whole sequence and the time."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_fraction
from mdmtheory.diffusion.processes import Absorbing, Process
from mdmtheory.diffusion.schedules import Linear, Schedule
from mdmtheory.samplers.properties import Properties

Finish = Literal["draw", "argmax"]


@dataclasses.dataclass(frozen=True, repr=False)
class Kernel(abc.ABC):
    """A Markov kernel from noise to data: x_1 ~ noise, then N steps to x_0.

    A step draws all positions independently from `step_probs`, given the whole sequence. A subclass states the law of a
    step and its `properties`; executor and enumerator do the rest.

    Legend: t is the time, from 1 (noise) to 0 (data); α(t) the share of tokens not yet redrawn by noise; V clean
    tokens, n states: V + 1 with the mask, or V.

    Attributes:
        process: The noise, `Absorbing(V)` or `Uniform(V)`.
        steps: N, steps on a uniform grid of times.
        schedule: α(t).
        start: The time at which pure noise is taken for x_t. 1, the default, is where it is; below 1 the first step is
            a better one, from a wrong law.
        end: Published code stops at a small time instead of 0 and then removes the remaining noise in one more step
            (`end` = 1e−5 in SEDD). 0, the default, steps down to time 0.
        finish: "argmax" makes the last answer of the denoiser greedy, as published code may do; "draw" draws.

    Raises:
        ValueError: A number of steps below one, not 0 <= end < start <= 1, or an unknown way to finish.
    """

    process: Process
    steps: int
    schedule: Schedule = dataclasses.field(default=Linear(), kw_only=True)
    start: float = dataclasses.field(default=1.0, kw_only=True)
    end: float = dataclasses.field(default=0.0, kw_only=True)
    finish: Finish = dataclasses.field(default="draw", kw_only=True)

    properties: ClassVar[Properties]
    remembers: ClassVar[bool] = False
    """Whether steps depend on how probable each token was when it was drawn: `confidence` below."""

    def __post_init__(self) -> None:
        if not isinstance(self.process, Process):
            raise ValueError(f"process must be Absorbing(V) or Uniform(V), got {self.process!r}")
        check_count("steps", self.steps)
        check_fraction("start", self.start)
        check_fraction("end", self.end)
        if not self.end < self.start:
            raise ValueError(f"start and end must satisfy end < start, got start={self.start!r}, end={self.end!r}")
        if self.finish not in get_args(Finish):
            raise ValueError(f"finish must be draw or argmax, got {self.finish!r}")

    @property
    def times(self) -> Float[Tensor, " N+1"]:
        """Times between which the steps lead, falling to 0; two equal ones in a row are a step at constant α."""
        share = torch.arange(self.steps + 1, dtype=torch.float64) / self.steps
        grid = self.start - (self.start - self.end) * share
        if self.end > 0:
            return torch.cat((grid, torch.zeros(1, dtype=torch.float64)))
        grid[-1] = 0.0
        return grid

    def alpha(self, time: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        """α(t), 0 at time 1 and 1 at time 0 exactly."""
        return self.schedule.alpha(time)

    @abc.abstractmethod
    def step_probs(
        self,
        log_probs: Float[Tensor, "B L V"],
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L n"]:
        """Law of each position after a step, given the sequence before it.

        Args:
            log_probs: What the denoiser says of the clean tokens, log p(x_0 | x_t), float64 nats.
            tokens: x_t, in 0 … n − 1.
            time_from: t of each row.
            time_to: s ≤ t of each row.
            confidence: With `remembers`, the probability with which each token was drawn; +∞ at given tokens.
        """

    def leave_probs(
        self,
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Float[Tensor, "B L"] | None:
        """Probability that a position changes, where that does not depend on the denoiser; None where it does.

        Under absorbing noise a hole that changes takes a token from the denoiser's law, and a token that changes
        becomes a hole. So with this the executor asks the denoiser only about holes that are about to be filled.
        """
        return None

    @property
    def absorbing(self) -> bool:
        """Whether the noise is absorbing."""
        return isinstance(self.process, Absorbing)

    def levels(
        self, time_from: Float[Tensor, " B"], time_to: Float[Tensor, " B"]
    ) -> tuple[Float[Tensor, " B"], Float[Tensor, " B"]]:
        """(α_t, α_s) of a step."""
        return self.alpha(time_from), self.alpha(time_to)

    def mask_leave_probs(
        self, tokens: Int[Tensor, "B L"], unmask: Float[Tensor, " B"], remask: Float[Tensor, " B"] | float
    ) -> Float[Tensor, "B L"] | None:
        """`leave_probs` from the probability that a hole is filled and that a token is erased; None if not absorbing.

        Args:
            tokens: x_t.
            unmask: Of each row.
            remask: Of each row, or of all.
        """
        if not self.absorbing:
            return None
        erased = torch.as_tensor(remask, dtype=torch.float64, device=tokens.device).expand(len(tokens))
        return torch.where(tokens == self.process.vocab_size, unmask[:, None], erased[:, None])

    def __repr__(self) -> str:
        options = [
            f"{field.name}={value!r}"
            for field in dataclasses.fields(self)
            if field.name not in ("process", "steps") and (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join([repr(self.process), str(self.steps), *options])})"


def unmask_probability(before: Float[Tensor, " B"], after: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
    """(α_s − α_t)/(1 − α_t), the probability that a hole at time t has a token at time s; 1 where α_t is 1."""
    return torch.where(before < 1, (after - before) / (1 - before).clamp(min=1e-300), 1.0).clamp(0, 1)
