"""What every loss has, of diffusion or not: one draw of it in nats per token, and what its least value is."""

from __future__ import annotations

import abc
from collections.abc import Callable
from typing import ClassVar, Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.parametrisations import Parametrisation

Network = Callable[..., Tensor]
"""`network(tokens, time=None, at=None)` → (K, V) of the positions picked by `at`; `time` is the noise 1 − α."""
Minimum = Literal["entropy", "entropy and path KL"]


class Loss(abc.ABC):
    """A bound on −log p(x)/L, p the law that a network stands for, or that number itself.

    Attributes:
        minimum: The least average over x ~ q, times L: "entropy", H(q), or "entropy and path KL", what N steps with
            independent positions cost on top.
        draws: How many estimates of a sequence an evaluation averages.
    """

    minimum: Minimum
    draws: ClassVar[int]

    @abc.abstractmethod
    def reading(self, network: Network, parametrisation: Parametrisation) -> Network:
        """The network as `estimate` wants it, float32 at least, from raw outputs that mean `parametrisation`."""

    @abc.abstractmethod
    def estimate(
        self,
        model: Network,
        tokens: Int[Tensor, "B L"],
        *,
        generator: torch.Generator | None = None,
        truth: Network | None = None,
    ) -> Float[Tensor, " B"]:
        """One estimate for every row, unbiased, nats per token.

        Args:
            model: Called once; see `reading`.
            tokens: (B, L) complete sequences.
            generator: Source of randomness on the device of the tokens.
            truth: Exact targets: what answers the question that is put to the model, in normalised log-probabilities
                of the clean tokens, with the law that the tokens were drawn from. Each term is then averaged over that
                law instead of taken at the token drawn: the mean over tokens stays, and so does that of the gradient,
                but the spread that the drawn token brings is gone. None for the tokens drawn.
        """

    def for_evaluation(self) -> Loss:
        """The steadiest estimate of the same number: this one, unless a loss has a better."""
        return self
