"""Small networks all of whose weights matter."""

from __future__ import annotations

import torch

from mdmtheory.networks import Transformer, TransformerConfig, fresh_network


def random_network(**options: object) -> Transformer:
    """A network in evaluation mode all of whose weights matter: nothing is left at its initial zero."""
    network = fresh_network(TransformerConfig(**{"vocab_size": 7, "hidden_size": 32, "num_heads": 2, **options}))
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter += 0.7 / parameter.shape[-1] ** 0.5 * torch.randn(parameter.shape, generator=generator)
    return network.eval()
