"""Loss of a trained network on given sequences."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.diffusion.losses import masked_diffusion_losses
from mdmtheory.diffusion.masking import count_masks
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.transformer import Transformer


@torch.no_grad()
def sequence_losses(
    network: Transformer,
    tokens: Int[Tensor, "B L"],
    *,
    generator: torch.Generator | None = None,
    max_batch: int = 256,
) -> Float[Tensor, " B"]:
    """Loss of each sequence, nats per token: exact for a causal network, one draw of the NELBO for a bidirectional one.

    The number hidden is spread evenly over 1 … L across each batch of rows, so a confidence interval that takes the
    values as independent is too wide rather than too narrow.

    Args:
        network: In evaluation mode.
        tokens: (B, L) complete sequences.
        generator: Source of the masks, on the network's device.
        max_batch: Rows sent through the network at once.

    Returns:
        (B,) float64.

    Raises:
        ValueError: Tokens that are no complete sequences.
    """
    check_count("max_batch", max_batch)
    device = network.embedding.weight.device
    tokens = check_tokens(tokens, network.config.vocab_size, holes=False, device=device)
    if network.config.causal:
        return -CausalLanguageModel(network).log_prob(tokens, max_batch=max_batch) / tokens.shape[1]
    losses = []
    for rows in tokens.split(max_batch):
        masks = count_masks(*rows.shape, generator=generator, device=device)
        losses.append(masked_diffusion_losses(network, rows, masks, network.config.mask_id).double())
    return torch.cat(losses) if losses else torch.zeros(0, dtype=torch.float64, device=device)
