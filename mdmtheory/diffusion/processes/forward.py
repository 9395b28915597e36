"""What noise on tokens does forwards: transitions, draws and marginals.

Every process here redraws: in a step each position, independently, keeps its token with probability κ = α_t/α_s, else
takes a fresh one from a base law ν, the mask or a uniform token. So all have the same formulas,

    transition       T = κ I + (1 − κ) 1νᵀ,                 generator σ'(t) (1νᵀ − I),   σ̄ = −ln α
    marginal         q(x_t | x_0) = α_t δ(x_t, x_0) + (1 − α_t) ν(x_t)

Legend: α is the probability that a token has never been redrawn, 1 at time 0 and 0 at time 1; V clean tokens, n states.
"""

from __future__ import annotations

import abc
from typing import final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.diffusion.processes.levels import Level, levels


class ForwardProcess(abc.ABC):
    """Independent noise on every position, which redraws tokens from a base law.

    Attributes:
        vocab_size: V, the number of clean tokens.
        num_states: n, the number of values a noisy token may have; clean tokens are the first V of them.
    """

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = check_count("vocab_size", vocab_size)

    @property
    @abc.abstractmethod
    def num_states(self) -> int:
        """How many values a noisy token may have."""

    @abc.abstractmethod
    def base(self, device: torch.device | str = "cpu") -> Float[Tensor, " n"]:
        """ν, the law of a redrawn token, which is also the law of every token at time 1 (float64)."""

    @abc.abstractmethod
    def draw_base(self, like: Int[Tensor, "*shape"], generator: torch.Generator | None = None) -> Int[Tensor, "*shape"]:
        """Draw a token from ν for every entry of `like`."""

    @abc.abstractmethod
    def prior_kl(self, alpha: float) -> float:
        """KL(q(x_t | x_0) ‖ ν) of one token, nats: what a bound owes that starts from ν at a time with this α."""

    @final
    def transition(self, keep: Level) -> Float[Tensor, "*batch n n"]:
        """Matrix of one step, rows: from; a token survives it with probability `keep` = α_t/α_s.

        Args:
            keep: A number, or a tensor of them, whose axes come first in the result.

        Raises:
            ValueError: A probability that is none.
        """
        keep = levels("keep", keep, None)[..., None, None]
        base = self.base(keep.device)
        return keep * torch.eye(self.num_states, dtype=torch.float64, device=keep.device) + (1 - keep) * base

    @final
    def add_noise(
        self, tokens: Int[Tensor, "*shape"], keep: Level, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "*shape"]:
        """Draw x_t given x_s: every token survives with probability `keep` = α_t/α_s, else is redrawn.

        Args:
            tokens: x_s, clean or noisy.
            keep: A number, or one per row, or one per token.
            generator: Source of randomness on the device of the tokens.

        Raises:
            ValueError: A token out of range, or a probability that is none.
        """
        keep = levels("keep", keep, self._states("tokens", tokens))
        uniform = torch.rand(tokens.shape, dtype=torch.float64, generator=generator, device=tokens.device)
        return torch.where(uniform < keep, tokens, self.draw_base(tokens, generator))

    @final
    def marginal(self, tokens: Int[Tensor, "*shape"], keep: Level) -> Float[Tensor, "*shape n"]:
        """Law of x_t given x_s = `tokens`; with `keep` = α_t and clean tokens, q(x_t | x_0).

        Args:
            tokens: x_s, clean or noisy.
            keep: α_t/α_s.

        Raises:
            ValueError: A token out of range, or a probability that is none.
        """
        keep = levels("keep", keep, self._states("tokens", tokens))[..., None]
        return keep * self._one_hot(tokens) + (1 - keep) * self.base(tokens.device)

    def _one_hot(self, states: Tensor) -> Tensor:
        return F.one_hot(states, self.num_states).double()

    def _states(self, name: str, states: Tensor) -> Tensor:
        if states.dtype != torch.int64:
            raise ValueError(f"{name} must be int64, got {states.dtype}")
        if states.numel():
            low, high = (int(v) for v in torch.aminmax(states))
            if low < 0 or high >= self.num_states:
                culprit = low if low < 0 else high
                raise ValueError(f"{name} has id {culprit}, outside the states 0 … {self.num_states - 1} of {self!r}")
        return states

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and self.vocab_size == other.vocab_size

    def __hash__(self) -> int:
        return hash((type(self), self.vocab_size))

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.vocab_size})"
