"""Bernoulli(t) sets of positions, nested over t, without the waste of drawing empty and full ones.

Near the ends of [0, 1] a Bernoulli set is nearly always empty or full, and samples would hardly ever see another. So
the number revealed is drawn given that it is neither, and the two cases are added with their probabilities. Numbers are
stratified over the sequences and coupled over t, so that the sets of one sequence grow.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Bool, Float
from scipy import stats
from torch import Tensor

from languages.checks import check_count
from languages.information import nodes
from languages.ranks import random_ranks, ranks


class NestedSets:
    """For each sequence a random order of the positions, and how many of them each node reveals.

    Args:
        rows: B sequences.
        length: L.
        num_nodes: M = 4k + 1 nodes.
        device: Where the sets live.
        generator: Source of randomness there.

    Attributes:
        nodes: (M,) revealed fractions.
    """

    def __init__(
        self, rows: int, length: int, num_nodes: int, device: torch.device, generator: torch.Generator | None
    ) -> None:
        if check_count("num_nodes", num_nodes, least=5) % 4 != 1:
            raise ValueError(f"num_nodes must be 4k + 1 (5, 9, …, 33, …), got {num_nodes}")
        self.nodes = nodes.lobatto(num_nodes, length)[1]
        self._rank = random_ranks(rows, length, generator=generator, device=device)
        inside = self.nodes[1:-1]
        none, full = np.exp(length * np.log1p(-inside)), inside**length
        self._none, self._full = np.concatenate([[1.0], none, [0.0]]), np.concatenate([[0.0], full, [1.0]])
        quantile = none + stratified_uniforms(rows, device, generator)[:, None] * (1 - none - full)
        drawn = stats.binom.ppf(quantile, length, inside).clip(1, max(1, length - 1))
        self._counts = np.column_stack([np.zeros(rows), drawn, np.full(rows, length)]).astype(np.int64)

    def shown(self, node: int) -> Bool[Tensor, "B L"]:
        """The positions revealed at a node, given that they are neither none nor all except at the ends."""
        return self._rank < torch.as_tensor(self._counts[:, node], device=self._rank.device)[:, None]

    def mixed(self, samples: Float[np.ndarray, "B M"]) -> Float[np.ndarray, "B M"]:
        """Samples at the nodes of independent reveals, from those of `shown`."""
        some = 1 - self._none - self._full
        return samples * some + samples[:, :1] * self._none + samples[:, -1:] * self._full

    @property
    def surplus(self) -> Float[np.ndarray, "B M"]:
        """(B, M) positions revealed beyond the mean L·t: it has mean zero, and predicts what a sample is beyond its."""
        length = self._rank.shape[1]
        return self.mixed(self._counts.astype(np.float64)) - length * self.nodes


def stratified_uniforms(rows: int, device: torch.device, generator: torch.Generator | None) -> Float[np.ndarray, " B"]:
    """(B,) uniform numbers, one in each of B equal cells, in random order."""
    draws = torch.rand(2, rows, dtype=torch.float64, device=device, generator=generator)
    cells = ranks(draws[1])
    return ((cells + draws[0]) / rows).cpu().numpy()
