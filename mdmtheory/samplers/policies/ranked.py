"""Policies that rank positions by a score and take the first ones."""

from __future__ import annotations

import abc
import dataclasses

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages import Language
from languages.checks import check_count
from mdmtheory.samplers.draws.decoding import TIE
from mdmtheory.samplers.policies.policy import Policy


class Ranked(Policy):
    """Positions are ranked by a score, and the first ones are taken."""

    def choose(self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]) -> Bool[Tensor, "B L"]:
        hidden = tokens == log_probs.shape[-1]
        score = (self.score(log_probs.double()) / TIE).round() * TIE
        order = score.masked_fill(~hidden, -torch.inf).argsort(dim=1, descending=True, stable=True)
        left = hidden.sum(1, keepdim=True)
        count = self.count(score.gather(1, order), left).clamp(min=1).minimum(left)
        rank = torch.arange(tokens.shape[1], device=tokens.device).expand_as(order)
        return torch.empty_like(order).scatter_(1, order, rank) < count

    @abc.abstractmethod
    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        """How much is known of each position; finite, and larger is surer."""

    @abc.abstractmethod
    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        """How many positions to take.

        Args:
            ranked: (B, L) scores in falling order, positions that are not hidden last.
            left: (B, 1) number of hidden positions.
        """


@dataclasses.dataclass(frozen=True)
class TopK(Ranked):
    """The `size` best positions, or all that are left.

    Attributes:
        size: Positions a round.
    """

    size: int = 1

    def __post_init__(self) -> None:
        check_count("size", self.size)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Int[Tensor, "B 1"]:
        return torch.full_like(left, self.size)

    def independent_rounds(self, language: Language) -> bool:
        return self.size == 1


def confidence(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    """Probability of the most likely token."""
    return log_probs.amax(-1).exp()


def entropy(log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
    """Entropy of each law, nats."""
    return torch.special.entr(log_probs.exp()).sum(-1)


def in_use(ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"]) -> Bool[Tensor, "B L"]:
    """Which ranks are those of hidden positions."""
    return torch.arange(ranked.shape[1], device=ranked.device) < left
