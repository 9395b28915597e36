"""Cross-entropy of a causal network."""

from __future__ import annotations

from typing import ClassVar, final

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from mdmtheory.diffusion.losses.expectation import cross_entropies
from mdmtheory.diffusion.losses.loss import Loss, Minimum, Network
from mdmtheory.diffusion.parametrisations import Parametrisation


def causal_inputs(tokens: Int[Tensor, "B L"], mask_id: int) -> Int[Tensor, "B L"]:
    """Shift right by one and start with the mask, which no complete sequence holds: position i then predicts x_i."""
    return F.pad(tokens[:, :-1], (1, 0), value=mask_id)


@final
class Autoregressive(Loss):
    """−log p(x)/L itself, p(x) = Π p(x_i | x_1 … x_{i−1}): no noise, no draw, no bound.

    Args:
        vocab_size: V, which is also the id of the start symbol.

    Raises:
        ValueError: vocab_size below one.
    """

    minimum: Minimum = "entropy"
    draws: ClassVar[int] = 1

    def __init__(self, vocab_size: int) -> None:
        self.vocab_size = check_count("vocab_size", vocab_size)

    def reading(self, network: Network, parametrisation: Parametrisation) -> Network:
        """The network itself: its logits are turned into a law here."""
        return network

    def estimate(
        self,
        model: Network,
        tokens: Int[Tensor, "B L"],
        *,
        generator: torch.Generator | None = None,
        truth: Network | None = None,
    ) -> Float[Tensor, " B"]:
        """As every loss. `truth(tokens)` answers log q(x_i = v | x_1 … x_{i−1}), (B, L, V)."""
        logits = model(causal_inputs(tokens, self.vocab_size))
        if truth is not None:
            return cross_entropies(truth(tokens).exp(), logits.float().log_softmax(-1)).mean(dim=1)
        surprise = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), reduction="none")
        return surprise.view(tokens.shape).mean(dim=1)

    def __repr__(self) -> str:
        return f"Autoregressive({self.vocab_size})"
