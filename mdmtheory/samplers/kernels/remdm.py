"""Remasking: revealed tokens may become holes again, at rates that leave single positions' laws alone (ReMDM)."""

from __future__ import annotations

import abc
import dataclasses
from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.diffusion.schedules import Linear
from mdmtheory.samplers.kernels.kernel import Kernel
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties

_TRAITS = Properties(
    exact="as N → ∞; at every N for one hidden position",
    calls="≤ N: steps that fill a hole",
    revises=True,
    needs_time=True,
    literature="ReMDM",
    source="2503.00307",
)


@dataclasses.dataclass(frozen=True, repr=False)
class Remasking(Kernel):
    """A token is erased with probability σ_t, a hole filled with probability (α_s − (1 − σ_t)α_t)/(1 − α_t).

    Then q(x_s | x_0) stays what it is for every σ_t ≤ σ_max = min(1, (1 − α_s)/α_t) (Wang et al., 2503.00307, eq. 5);
    σ = 0 is ancestral sampling. A subclass says what σ is.
    """

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.absorbing:
            raise ValueError(f"process must be Absorbing(V): there is nothing to remask under {self.process!r}")

    @abc.abstractmethod
    def sigma(self, step: Step) -> Float[Tensor, "B L"] | Float[Tensor, "B 1"]:
        """σ_t of each position, or of each row."""

    def largest_sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        """σ_max = min(1, (1 − α_s)/α_t)."""
        before, after = step.alphas
        return torch.where(before > 0, ((1 - after) / before.clamp(min=1e-300)).clamp(max=1), 1.0)[:, None]

    @final
    def leave_probs(self, step: Step) -> Float[Tensor, "B L"]:
        before, after = (alpha[:, None] for alpha in step.alphas)
        erased = self.sigma(step)
        filled = ((after - (1 - erased) * before) / (1 - before).clamp(min=1e-300)).clamp(0, 1)
        return torch.where(step.tokens == self.process.vocab_size, filled, erased)

    @final
    def step_probs(self, step: Step, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L n"]:
        return step_from_leaving(log_probs, step.tokens, self.leave_probs(step))


def step_from_leaving(
    log_probs: Float[Tensor, "B L V"], tokens: Int[Tensor, "B L"], leave: Float[Tensor, "B L"]
) -> Float[Tensor, "B L n"]:
    """Law of a step under absorbing noise in which each position changes with a given probability."""
    vocab_size = log_probs.shape[-1]
    here = F.one_hot(tokens, vocab_size + 1).double()
    hole = (tokens == vocab_size)[..., None]
    mask = torch.zeros(vocab_size + 1, dtype=torch.float64, device=tokens.device)
    mask[-1] = 1.0
    there = torch.where(hole, F.pad(log_probs.double().exp(), (0, 1)), mask)
    return (1 - leave)[..., None] * here + leave[..., None] * there


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMCap(Remasking):
    """σ_t = min(cap, σ_max).

    Attributes:
        cap: The most probable that a token is erased in a step.
    """

    cap: float = 0.02
    properties: ClassVar[Properties] = dataclasses.replace(_TRAITS, literature="ReMDM-cap")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("cap", self.cap)

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        return self.largest_sigma(step).clamp(max=self.cap)


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMRescale(Remasking):
    """σ_t = scale · σ_max.

    Attributes:
        scale: In [0, 1].
    """

    scale: float = 0.05
    properties: ClassVar[Properties] = dataclasses.replace(_TRAITS, literature="ReMDM-rescale")

    def __post_init__(self) -> None:
        super().__post_init__()
        check_fraction("scale", self.scale)

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        return self.scale * self.largest_sigma(step)


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMConfidence(Remasking):
    """σ_t^i = η_i σ_max, η the softmax of −ψ over the tokens, ψ_i the probability with which token i was drawn.

    Doubtful tokens are erased first. A hole has η = 0. Given tokens are no candidates. The law of a single position is
    not kept among others, and the state includes ψ, so it is no Markov chain on tokens alone; the enumeration carries
    ψ along.
    """

    remembers: ClassVar[bool] = True
    properties: ClassVar[Properties] = dataclasses.replace(
        _TRAITS, exact="for one hidden position; not shown otherwise", literature="ReMDM-conf"
    )

    def sigma(self, step: Step) -> Float[Tensor, "B L"]:
        if step.confidence is None:
            raise ValueError("confidence must be given: the probability with which each token was drawn")
        psi = step.confidence.masked_fill(step.tokens == self.process.vocab_size, torch.inf)
        weights = (psi.amin(1, keepdim=True).clamp(max=1) - psi).exp()
        share = weights / weights.sum(1, keepdim=True).clamp(min=1e-300)
        return share * self.largest_sigma(step)


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMLoop(Remasking):
    """Ancestral down to time `on`, then remasking at constant α, then ancestral again from time `off` on.

    α rises linearly from 0 to `level` while t falls from 1 to `on`, stays there until `off`, and rises to 1. In the
    loop σ_t = scale · σ_max, σ_max = min(1, (1 − α)/α), and holes are filled as fast as tokens are erased.
    More steps do not make these moves smaller, so what they get wrong together stays.

    Attributes:
        on: Time at which the loop begins.
        off: Time at which it ends.
        level: α in the loop.
        scale: In [0, 1].

    Raises:
        ValueError: Not 0 < off ≤ on < 1, numbers outside [0, 1], or a schedule, which would not be used.
    """

    on: float = 0.55
    off: float = 0.05
    level: float = 0.9
    scale: float = 0.02
    properties: ClassVar[Properties] = dataclasses.replace(
        _TRAITS, exact="for one hidden position; else not even as N → ∞, unless scale = 0", literature="ReMDM-loop"
    )

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 < self.off <= self.on < 1:
            raise ValueError(f"on and off must satisfy 0 < off <= on < 1, got on={self.on!r}, off={self.off!r}")
        check_fraction("level", self.level)
        check_fraction("scale", self.scale)
        if self.schedule != Linear():
            raise ValueError(f"schedule must be left out: on, off and level say what α is, got {self.schedule!r}")

    def alpha(self, time: Float[Tensor, "*n"]) -> Float[Tensor, "*n"]:
        early = self.level * (1 - time) / (1 - self.on)
        late = 1 - (1 - self.level) * time / self.off
        return torch.where(time >= self.on, early, torch.where(time <= self.off, late, self.level))

    def sigma(self, step: Step) -> Float[Tensor, "B 1"]:
        looping = (step.alpha_from == step.alpha_to)[:, None]
        return torch.where(looping, self.scale * self.largest_sigma(step), 0.0)
