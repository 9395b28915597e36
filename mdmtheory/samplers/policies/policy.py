"""What a policy is: a deterministic choice of the next positions."""

from __future__ import annotations

import abc
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages import Language
from mdmtheory.samplers.properties import Properties


class Policy(abc.ABC):
    """A deterministic choice of the next positions.

    Attributes:
        properties: What is known of the family.
    """

    properties: ClassVar[Properties]

    @abc.abstractmethod
    def choose(self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]) -> Bool[Tensor, "B L"]:
        """Pick the positions to reveal now: hidden ones only, and at least one in every row that has any.

        Args:
            tokens: (B, L) with holes equal to V.
            log_probs: (B, L, V) what the denoiser says of this state, nats.
        """

    def independent_rounds(self, language: Language) -> bool:
        """Whether tokens revealed together are surely independent given all before them; see `Scheme`."""
        return False


def chosen_positions(
    policy: Policy, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]
) -> Bool[Tensor, "B L"]:
    """What a policy picks, after a check that it picks hidden positions, and some in every row that has any.

    Raises:
        ValueError: A policy that breaks this rule.
    """
    hidden = tokens == log_probs.shape[-1]
    chosen = policy.choose(tokens, log_probs)
    if chosen.dtype != torch.bool or chosen.shape != tokens.shape:
        raise ValueError(f"{policy!r} must choose bool of shape {tuple(tokens.shape)}, got {chosen.dtype}")
    if bool((chosen & ~hidden).any()) or not bool((chosen.any(1) | ~hidden.any(1)).all()):
        raise ValueError(f"{policy!r} must choose hidden positions, at least one in every row that has any")
    return chosen
