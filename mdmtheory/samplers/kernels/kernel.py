"""What a kernel is: one step of a sampler as a product over positions of laws given the whole sequence and the time."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, Literal, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from languages.reveals import check_steps
from mdmtheory.diffusion.processes import Absorbing, Process
from mdmtheory.diffusion.schedules import Linear, Schedule
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties

Finish = Literal["draw", "argmax"]
FillErase = tuple[Tensor, Tensor | float]
"""How probable it is that a hole is filled and that a token is erased, of each row or of all."""


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
    """Whether steps depend on how probable each token was when it was drawn: `Step.confidence`."""

    def __post_init__(self) -> None:
        if not isinstance(self.process, Process):
            raise ValueError(f"process must be Absorbing(V) or Uniform(V), got {self.process!r}")
        object.__setattr__(self, "steps", check_steps("steps", self.steps))
        for name in ("start", "end"):
            object.__setattr__(self, name, check_fraction(name, getattr(self, name)))
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

    def step(
        self,
        tokens: Int[Tensor, "B L"],
        time_from: Float[Tensor, " B"],
        time_to: Float[Tensor, " B"],
        confidence: Float[Tensor, "B L"] | None = None,
    ) -> Step:
        """The step of this kernel from `tokens` between two times; arguments as the attributes of `Step`."""
        return Step(tokens, time_from, time_to, self.alpha(time_from), self.alpha(time_to), confidence)

    @abc.abstractmethod
    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        """Law of each position after a step, given the sequence before it.

        Args:
            step: Where the rows are and when, and where they go.
            log_probs: What the denoiser says of the clean tokens, log p(x_0 | x_t), float64 nats.
        """

    def fill_and_erase(self, step: Step) -> FillErase | None:
        """Probabilities (B,) that a hole is filled and that a token is erased under absorbing noise, for `leave_probs`.

        None, the default, where they depend on the denoiser or differ between positions of a row.
        """
        return None

    def leave_probs(self, step: Step) -> Float[Tensor, "B L"] | None:
        """Probability that a position changes, where that does not depend on the denoiser; None where it does.

        Under absorbing noise a hole that changes takes a token from the denoiser's law, and a token that changes
        becomes a hole. So with this the executor asks the denoiser only about holes that are about to be filled.
        """
        rates = self.fill_and_erase(step) if self.absorbing else None
        if rates is None:
            return None
        fill, erase = rates
        erased = torch.as_tensor(erase, dtype=torch.float64, device=fill.device)
        return torch.where(step.tokens == self.process.vocab_size, fill[:, None], erased.reshape(-1, 1))

    @property
    def absorbing(self) -> bool:
        """Whether the noise is absorbing."""
        return isinstance(self.process, Absorbing)

    def __repr__(self) -> str:
        options = [
            f"{field.name}={value!r}"
            for field in dataclasses.fields(self)
            if field.name not in ("process", "steps") and (value := getattr(self, field.name)) != field.default
        ]
        return f"{type(self).__name__}({', '.join([repr(self.process), str(self.steps), *options])})"
