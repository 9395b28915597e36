"""Tail pruning: the entries of a row below a threshold become hard zeros."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from torch import Tensor

from languages.checks import check_fraction


def check_threshold(threshold: float) -> float:
    """Return the threshold as a float in [0, 1].

    Raises:
        ValueError: Outside [0, 1]; above 1 nothing would be left.
    """
    number = check_fraction("prune_below", threshold, high=math.inf)
    if number > 1:
        raise ValueError(f"prune_below={threshold} leaves nothing: no probability reaches it; use a value in [0, 1]")
    return number


def prune_rows(
    rows: NDArray[np.int64], probs: NDArray[np.float64], threshold: float
) -> tuple[NDArray[np.bool_], NDArray[np.float64]]:
    """Keep entries p ≥ threshold of each row and renormalise; a row that would lose everything keeps its largest.

    Args:
        rows: (E,) sorted row of each entry.
        probs: (E,) its probability; entries of one row sum to one.
        threshold: In [0, 1].

    Returns:
        (E,) which entries stay, and the (kept,) renormalised probabilities.
    """
    threshold = check_threshold(threshold)
    starts = np.flatnonzero(np.diff(rows, prepend=rows[0] - 1))
    lengths = np.diff(starts, append=len(rows))
    largest = np.maximum.reduceat(probs, starts)
    entries = np.flatnonzero(probs == np.repeat(largest, lengths))
    first_largest = entries[np.searchsorted(entries, starts)]
    keep = (probs >= threshold) & (probs > 0)
    keep[first_largest[largest < threshold]] = True
    if keep.all():
        return keep, probs
    totals = np.add.reduceat(np.where(keep, probs, 0.0), starts)
    return keep, probs[keep] / np.repeat(totals, lengths)[keep]


def prune_table(table: Float[Tensor, "R C"], threshold: float) -> Float[Tensor, "R C"]:
    """Prune the rows of a dense table; see `prune_rows`."""
    rows = np.repeat(np.arange(len(table)), table.shape[1])
    keep, probs = prune_rows(rows, table.cpu().numpy().reshape(-1), threshold)
    pruned = np.zeros(table.numel())
    pruned[keep] = probs
    return torch.as_tensor(pruned, device=table.device).reshape(table.shape)
