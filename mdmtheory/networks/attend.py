"""Scaled dot-product attention by the kernels of torch, kept within what they bear."""

from __future__ import annotations

import contextlib
from contextlib import AbstractContextManager

import torch
import torch.nn.functional as F
from jaxtyping import Bool, Float
from torch import Tensor
from torch.nn.attention import SDPBackend, sdpa_kernel

MOST_ROWS = 65535
"""Rows of a call: CUDA kernels count them in a grid dimension of 16 bits, and fail beyond."""

_WITHOUT_PLANS = [SDPBackend.FLASH_ATTENTION, SDPBackend.EFFICIENT_ATTENTION, SDPBackend.MATH]


def attend(
    queries: Float[Tensor, "B H T D"],
    keys: Float[Tensor, "B H S D"],
    values: Float[Tensor, "B H S D"],
    visible: Bool[Tensor, "T S"] | None = None,
    *,
    causal: bool = False,
) -> Float[Tensor, "B H T D"]:
    """Mix values by softmax(queries · keys / √D).

    Args:
        queries: Of the positions that look.
        keys: Of the positions that are looked at.
        values: Of the same.
        visible: Which sees which; None for all, or the triangle if `causal`.
        causal: Whether position i sees the keys 0 … i.
    """
    if queries.is_cuda and len(queries) > MOST_ROWS:
        parts = zip(*(x.split(MOST_ROWS) for x in (queries, keys, values)), strict=True)
        return torch.cat([attend(q, k, v, visible, causal=causal) for q, k, v in parts])
    return F.scaled_dot_product_attention(queries, keys, values, attn_mask=visible, is_causal=causal)


def kernels(device: torch.device, *, training: bool) -> AbstractContextManager[None]:
    """The attention kernels that suit a pass, for a `with` block.

    cuDNN's, the fastest for one shape, makes a plan for every new one. Training has one shape; while sampling the cache
    grows at every token and rows leave the batch, so that a plan would be made at every call.
    """
    if training or device.type != "cuda":
        return contextlib.nullcontext()
    return sdpa_kernel(_WITHOUT_PLANS)
