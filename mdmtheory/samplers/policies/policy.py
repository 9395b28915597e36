"""What a policy is: a choice of the next positions from what the denoiser says."""

from __future__ import annotations

import abc
from collections.abc import Iterator
from typing import ClassVar

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages import Language
from mdmtheory.samplers.properties import Properties


class Policy(abc.ABC):
    """A choice of the next positions: a function of the state and what the denoiser says of it, unless it says more.

    Attributes:
        properties: What is known of the family.
        ranks_drawn: Whether tokens are drawn at all holes before it chooses, and it looks at them. Those not chosen are
            thrown away, so the law of a sequence is no product along a path. `choose` is then told `drawn`, (B, L).
    """

    properties: ClassVar[Properties]
    ranks_drawn: ClassVar[bool] = False

    @abc.abstractmethod
    def choose(self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"]) -> Bool[Tensor, "B L"]:
        """Pick the positions to reveal now: hidden ones only, and at least one in every row that has any.

        Args:
            tokens: (B, L) with holes equal to V.
            log_probs: (B, L, V) what the denoiser says of this state, nats. Their dtype is that of its answer: their
                last digits are noise.
        """

    @property
    def by_chance(self) -> bool:
        """Whether it breaks ties by lot. `choose` is then told `luck`, (B, L) uniforms; `choices` lists what may be."""
        return False

    @property
    def one_path(self) -> bool:
        """Whether a sequence has one path, along which its probability is a product."""
        return not (self.ranks_drawn or self.by_chance)

    def choices(
        self, tokens: Int[Tensor, "B L"], log_probs: Float[Tensor, "B L V"], drawn: Int[Tensor, "B L"] | None
    ) -> Iterator[tuple[Bool[Tensor, "B L"], Float[Tensor, " B"]]]:
        """All that may be picked in each row, and with what probability (0 where it is not that row's)."""
        yield chosen_positions(self, tokens, log_probs, drawn), torch.ones(len(tokens), dtype=torch.float64)

    def independent_rounds(self, language: Language) -> bool:
        """Whether tokens revealed together are surely independent given all before them; see `Scheme`."""
        return False


def chosen_positions(
    policy: Policy,
    tokens: Int[Tensor, "B L"],
    log_probs: Float[Tensor, "B L V"],
    drawn: Int[Tensor, "B L"] | None = None,
    luck: Float[Tensor, "B L"] | None = None,
) -> Bool[Tensor, "B L"]:
    """What a policy picks, after a check that it picks hidden positions, and some in every row that has any.

    Args:
        policy: Any policy.
        tokens: (B, L) with holes.
        log_probs: What the denoiser says, in its own precision.
        drawn: Tokens drawn at all holes, for policies that rank them.
        luck: Uniforms for policies that break ties by lot; None for the leftmost.

    Raises:
        ValueError: A policy that breaks this rule.
    """
    hidden = tokens == log_probs.shape[-1]
    told = {"drawn": drawn} if policy.ranks_drawn else {}
    if policy.by_chance:
        told["luck"] = luck
    chosen = policy.choose(tokens, log_probs, **told)
    if chosen.dtype != torch.bool or chosen.shape != tokens.shape:
        raise ValueError(f"{policy!r} must choose bool of shape {tuple(tokens.shape)}, got {chosen.dtype}")
    if bool((chosen & ~hidden).any()) or not bool((chosen.any(1) | ~hidden.any(1)).all()):
        raise ValueError(f"{policy!r} must choose hidden positions, at least one in every row that has any")
    return chosen
