"""Entropies of laws, in nats."""

from __future__ import annotations

from typing import overload

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor


@overload
def row_entropies(law: Float[Tensor, "*rows V"]) -> Float[Tensor, "*rows"]: ...
@overload
def row_entropies(law: Float[np.ndarray, "*rows V"]) -> Float[np.ndarray, "*rows"]: ...
def row_entropies(law: Tensor | np.ndarray) -> Tensor | np.ndarray:
    """Entropy −Σ p ln p of each law along the last axis, nats; zeros count for nothing.

    Args:
        law: (…, V) probabilities, a tensor or an array.
    """
    if isinstance(law, Tensor):
        return -torch.special.xlogy(law, law).sum(-1)
    return -np.sum(law * np.log(law, where=law > 0, out=np.zeros_like(law)), axis=-1)
