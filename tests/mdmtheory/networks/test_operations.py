"""Counted operations are those that torch counts while it runs."""

from __future__ import annotations

import pytest
import torch
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from mdmtheory.networks import Transformer, TransformerConfig
from mdmtheory.networks.operations import BACKWARD, forward_operations


@pytest.mark.parametrize("timed", [False, True])
@pytest.mark.parametrize("some", [False, True])
@pytest.mark.parametrize("bounded", [False, True])
def test_against_the_counter_of_torch(timed: bool, some: bool, bounded: bool) -> None:
    options = {"time_conditioned": timed, "boundary_tokens": bounded}
    config = TransformerConfig(11, hidden_size=32, num_layers=3, num_heads=2, **options)
    network = Transformer(config)
    at = torch.rand(4, 10, generator=torch.Generator().manual_seed(0)) < 0.5 if some else None
    wanted = None if at is None else int(at.sum())
    # Only the plain attention is made of products that the counter knows on every device.
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as forward:
        logits = network(torch.randint(12, (4, 10)), torch.rand(4), at)
    counted = forward_operations(config, 4, 10, wanted=wanted)
    assert forward.get_total_flops() == counted
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as backward:
        logits.sum().backward()
    saved = 2 * 4 * 256 * 128 if timed else 0  # nobody asks for the gradient with respect to the code of the time
    assert backward.get_total_flops() == BACKWARD * counted - saved


def test_a_causal_network_looks_at_half() -> None:
    both = [forward_operations(TransformerConfig(5, num_layers=1, causal=causal), 2, 64) for causal in (False, True)]
    assert both[0] - both[1] == 2 * 64 * 4 * 64 * 32


def test_bad_counts_are_named() -> None:
    with pytest.raises(ValueError, match="length"):
        forward_operations(TransformerConfig(5), 1, 0)
    with pytest.raises(ValueError, match="wanted"):
        forward_operations(TransformerConfig(5), 1, 4, wanted=-1)
