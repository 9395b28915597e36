"""Remasking: revealed tokens may become holes again, at rates that leave single positions' laws alone (ReMDM)."""

from __future__ import annotations

import abc
import dataclasses
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.samplers.kernels.kernel import Kernel
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties

REMASKING = Properties(
    exact="as N → ∞; at every N for one hidden position",
    calls="≤ N: steps that fill a hole",
    revises=True,
    needs_time=True,
    literature="ReMDM",
    source="2503.00307",
)
"""What holds of every σ that is the same at all positions."""


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
