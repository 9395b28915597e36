"""Loss of a trained network on given sequences."""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from mdmtheory.diffusion.losses import AnyOrder, Loss
from mdmtheory.networks.causal import CausalLanguageModel
from mdmtheory.networks.transformer import Transformer
from mdmtheory.training.objectives import Objective


@torch.no_grad()
def sequence_losses(
    network: Transformer,
    tokens: Int[Tensor, "B L"],
    *,
    objective: Objective | None = None,
    draws: int | None = None,
    generator: torch.Generator | None = None,
    max_batch: int = 256,
) -> Float[Tensor, " B"]:
    """Loss of each sequence, nats per token: exact for a causal network, draws of a bound for a bidirectional one.

    The bound is the masked NELBO, or what the network was trained on where that is another loss.

    The number hidden, or the time, is spread evenly across each batch of rows, so a confidence interval that takes the
    values as independent is too wide rather than too narrow.

    Args:
        network: In evaluation mode.
        tokens: (B, L) complete sequences.
        objective: What the network was trained to do; None for the masked NELBO.
        draws: Draws of times and noise per sequence, which are averaged; None for as many as the loss needs.
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
    loss: Loss = AnyOrder(network.config.vocab_size)
    if objective is not None:
        loss = objective.loss(network.config.vocab_size).for_evaluation()
    draws = loss.draws if draws is None else check_count("draws", draws)
    model = loss.reading(network, "posterior" if objective is None else objective.parametrisation)
    order = torch.arange(len(tokens) * draws, device=device)
    if draws > 1:  # times are spread by row: shuffled, the draws of one sequence do not share a segment of them
        order = torch.randperm(len(order), generator=generator, device=device)
    losses = [torch.zeros(0, dtype=torch.float64, device=device)]
    losses += [loss.estimate(model, x, generator=generator).double() for x in tokens[order // draws].split(max_batch)]
    return (
        torch.empty(len(order), dtype=torch.float64, device=device)
        .scatter(0, order, torch.cat(losses))
        .view(-1, draws)
        .mean(1)
    )
