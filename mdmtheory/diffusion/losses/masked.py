"""Cross-entropy at masks: the one-call form that training uses."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.network import Network
from mdmtheory.diffusion.masking import Masks


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
