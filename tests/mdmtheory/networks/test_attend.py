"""Attention within what the kernels bear."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from mdmtheory.networks.attend import MOST_ROWS, attend


@pytest.mark.gpu
@pytest.mark.parametrize("queries", [1, 5])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_more_rows_than_a_grid_has(queries: int, dtype: torch.dtype) -> None:
    """The kernels count rows in 16 bits; the last rows here are beyond."""
    generator = torch.Generator("cuda").manual_seed(0)
    shapes = [(MOST_ROWS + 7, 2, length, 16) for length in (queries, 5, 5)]
    q, k, v = (torch.randn(shape, generator=generator, device="cuda").to(dtype) for shape in shapes)
    mixed = attend(q, k, v)
    last = F.scaled_dot_product_attention(q[-9:].double(), k[-9:].double(), v[-9:].double())
    torch.testing.assert_close(mixed[-9:].double(), last, rtol=0, atol=1e-2 if dtype == torch.bfloat16 else 1e-5)


@pytest.mark.parametrize("causal", [False, True])
def test_against_the_formula(causal: bool) -> None:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(3, 2, 5, 4, generator=generator, dtype=torch.float64) for _ in range(3))
    scores = q @ k.transpose(-1, -2) / 2
    if causal:
        scores = scores.masked_fill(~torch.ones(5, 5, dtype=torch.bool).tril(), -torch.inf)
    torch.testing.assert_close(attend(q, k, v, causal=causal), scores.softmax(-1) @ v)
