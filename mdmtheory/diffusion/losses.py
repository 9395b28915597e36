"""Training losses, in nats per token, whose least value over all networks is the entropy of the language per token."""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.masking import Masks

Network = Callable[..., Tensor]
"""`network(tokens, time=None, at=None)` → logits, (K, V) of the positions picked by `at`."""


def masked_diffusion_losses(
    network: Network, tokens: Int[Tensor, "B L"], masks: Masks, mask_id: int
) -> Float[Tensor, " B"]:
    """NELBO of each sequence, estimated from one noise level, nats per token.

    The SUBS form of the masked-diffusion bound (MDLM, 2406.07524): cross-entropy at hidden positions, weighted by
    the noise level; revealed tokens are known, and the mask is never predicted. The mean over masks is unbiased for
    ∫ −α'(t)/(1 − α(t)) E Σ_{i hidden} −log p(x_i | revealed) dt / L. Over x ~ q its least value is H(q)/L, reached
    by the exact posterior.

    Args:
        network: Called once; only hidden positions reach its output head.
        tokens: (B, L) complete sequences.
        masks: Hidden positions, weights and noise fractions.
        mask_id: The id that hides.
    """
    logits = network(tokens.masked_fill(masks.hidden, mask_id), masks.time, masks.hidden)
    surprise = F.cross_entropy(logits.float(), tokens[masks.hidden], reduction="none")
    row = masks.hidden.nonzero()[:, 0]
    total = torch.zeros(tokens.shape[0], dtype=surprise.dtype, device=surprise.device)
    return total.index_add(0, row, surprise) * masks.weight.to(surprise.dtype)


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
