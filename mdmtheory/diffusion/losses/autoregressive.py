"""Cross-entropy of a causal network."""

from __future__ import annotations

import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.network import Network


def causal_inputs(tokens: Int[Tensor, "B L"], mask_id: int) -> Int[Tensor, "B L"]:
    """Shift right by one and start with the mask, which no complete sequence holds: position i then predicts x_i."""
    return F.pad(tokens[:, :-1], (1, 0), value=mask_id)


def autoregressive_losses(network: Network, tokens: Int[Tensor, "B L"], mask_id: int) -> Float[Tensor, " B"]:
    """Cross-entropy −log p(x)/L of each sequence under a causal network, nats per token.

    Args:
        network: Called once on the shifted sequence.
        tokens: (B, L) complete sequences.
        mask_id: The id used as start symbol.
    """
    logits = network(causal_inputs(tokens, mask_id))
    surprise = F.cross_entropy(logits.float().flatten(0, 1), tokens.flatten(), reduction="none")
    return surprise.view(tokens.shape).mean(dim=1)
