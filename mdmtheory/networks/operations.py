"""How many floating-point operations a pass of the transformer needs: those of its matrix products."""

from __future__ import annotations

from languages.checks import check_count
from mdmtheory.networks.config import TransformerConfig
from mdmtheory.networks.time import FREQUENCIES

BACKWARD = 2
"""Operations of a backward pass over those of the forward pass: each product becomes two."""


def forward_operations(config: TransformerConfig, batch: int, length: int, *, wanted: int | None = None) -> int:
    """Count the operations of one forward pass, a product of (m, k) and (k, n) matrices as 2·m·k·n.

    What moves bytes rather than multiplies matrices (norms, activations, rotary positions, softmax) is left out, as
    is customary for model FLOP utilisation (Chowdhery et al., PaLM, 2204.02311, appendix B). Attention counts all L
    keys of every query; a causal network looks at half of them.

    Args:
        config: The network.
        batch: B rows.
        length: L tokens a row.
        wanted: Positions, over all rows, whose logits are wanted; only they pass what is behind the last attention.
            None for all of them.

    Returns:
        Operations of the whole batch. A training step takes 1 + `BACKWARD` times as many.
    """
    answered = check_count("batch", batch, least=0) * check_count("length", length)
    length += 2 * config.boundary_tokens
    tokens = batch * length
    if wanted is None:
        wanted = tokens
    else:
        wanted = answered = check_count("wanted", wanted, least=0)
    width, seen = config.hidden_size, length // 2 if config.causal else length
    # Per position of a block: queries, keys and values; scores and their mix of values; the output map; the MLP.
    inward, mixing, outward, mlp = 6 * width**2, 4 * width * seen, 2 * width**2, 4 * config.mlp_ratio * width**2
    blocks = config.num_layers * (inward + mixing) * tokens
    blocks += (outward + mlp) * ((config.num_layers - 1) * tokens + wanted)
    time = 0
    if config.time_conditioned:
        shifts = (6 * config.num_layers + 2) * width
        time = 2 * batch * config.time_embedding_size * (FREQUENCIES + config.time_embedding_size + shifts)
    return blocks + time + 2 * answered * width * config.vocab_size
