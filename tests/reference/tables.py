"""Random tables of probabilities with hard zeros, periodic and reducible ones among them."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st


def with_zeros(rng, shape, zeros):
    """Rows on the last axis with a share of hard zeros, at least one entry positive."""
    table = rng.dirichlet(np.ones(shape[-1]), size=shape[:-1])
    drop = rng.random(table.shape) < zeros
    drop[np.arange(shape[-1]) == rng.integers(0, shape[-1], (*shape[:-1], 1))] = False
    table = np.where(drop, 0.0, table)
    return table / table.sum(-1, keepdims=True)


def chain(rng, size, kind):
    """(size, size) transition table: "sparse", "dense", "cycle" (periodic blocks) or "split" (closed blocks)."""
    table = with_zeros(rng, (size, size), {"dense": 0.0, "sparse": 0.75}.get(kind, 0.3))
    group = rng.integers(0, 3, size)
    if kind == "cycle":
        allowed = (group[:, None] + 1) % (group.max() + 1) == group[None]
    elif kind == "split":
        allowed = group[:, None] >= group[None]
    else:
        return table
    allowed[~allowed.any(1)] = True
    table = np.where(allowed, rng.random((size, size)) * (rng.random((size, size)) < 0.7), 0.0)
    first = allowed.argmax(1)
    table[np.arange(size), first] += 0.1
    return table / table.sum(1, keepdims=True)


kinds = st.sampled_from(["dense", "sparse", "cycle", "split"])
seeds = st.integers(0, 2**32 - 1)
