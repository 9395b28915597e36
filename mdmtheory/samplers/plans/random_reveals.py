"""Plans in random order: Bernoulli reveals, fixed sizes, first hitting, one at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_count, check_distributions
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.randomness import Purpose
from mdmtheory.samplers.plans.plan import GIVEN, Plan
from mdmtheory.samplers.plans.rows import counted, prepare

ArrayLike = Sequence[float] | np.ndarray | Tensor


def bernoulli(
    reveal: ArrayLike,
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal every position independently in round k with probability w_k: what ancestral sampling on a grid does.

    The time before round k is 1 − (w_0 + … + w_{k−1}), whatever the row's own count.

    Args:
        reveal: (N,) probabilities w_k that sum to one; a round of probability zero is never drawn.
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all. The others are given by the prompt.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: `reveal` is not one law (negative, NaN, sum off by more than 1e−8), or another argument is wrong.
    """
    weights = reveal_probabilities(reveal)
    rows = prepare(batch, length, hidden, generator, row_keys)
    rounds = categorical(rows.uniforms(Purpose.REVEAL), probs=weights.to(rows.keys.device))
    # What is left is summed from the end, so that it falls to zero without a rounding error of the size of one.
    times = weights.flip(0).cumsum(0).flip(0).clamp(max=1.0)
    times[0] = 1.0
    return Plan(rounds.masked_fill(~rows.hidden, GIVEN), times.to(rows.keys.device), rows.keys)


def fixed_sizes(
    sizes: Sequence[int] | np.ndarray | Tensor,
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal exactly s_k uniformly chosen positions in round k.

    Args:
        sizes: N whole numbers s_k ≥ 0 that sum to the number of positions to generate in every row.
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: A size that is no count, sizes that do not sum to what a row has to generate, or another argument
            is wrong.
    """
    counts = [check_count(f"sizes[{k}]", size, least=0) for k, size in enumerate(_as_list(sizes))]
    if not counts:
        raise ValueError("sizes must name at least one round, got none")
    rows = prepare(batch, length, hidden, generator, row_keys)
    needed = rows.hidden.sum(1)
    wrong = needed != sum(counts)
    if bool(wrong.any()):
        row = int(wrong.nonzero()[0])
        raise ValueError(f"sizes sum to {sum(counts)}, but row {row} has {int(needed[row])} positions to generate")
    ends = torch.tensor(counts, device=rows.keys.device).cumsum(0)
    ranks = rows.ranks(rows.uniforms(Purpose.ORDER))
    rounds = torch.searchsorted(ends, ranks, right=True).masked_fill(~rows.hidden, GIVEN)
    return counted(rounds, rows.keys, len(counts))


def first_hitting(
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal one position at a time at its own uniform time: the continuous-time law without time discretisation.

    Position i leaves the mask at noise fraction T_i, uniform on [0, 1]; the row's k-th round happens at the k-th
    largest, and the network sees that time. The N → ∞ limit of `bernoulli` on uniform grids (first-hitting sampler,
    arXiv 2409.02908).

    Args:
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: An argument is wrong.
    """
    rows = prepare(batch, length, hidden, generator, row_keys)
    times = 1.0 - rows.uniforms(Purpose.REVEAL)
    rounds = rows.ranks(-times)
    num_rounds = int(rounds.max()) + 1 if rounds.numel() else 0
    # Given positions are sorted behind all others; a row with fewer positions to generate never reads its last times.
    ordered = times.masked_fill(~rows.hidden, 0.0).sort(dim=1, descending=True).values
    return Plan(rounds, ordered[:, :num_rounds], rows.keys)


def random_order(
    batch: int,
    length: int,
    *,
    hidden: Bool[Tensor, "*B L"] | None = None,
    generator: torch.Generator | None = None,
    row_keys: Int[Tensor, " B"] | None = None,
) -> Plan:
    """Reveal one position at a time in uniformly random order, at times that are counts.

    Args:
        batch: B, the number of rows.
        length: L.
        hidden: (L,) or (B, L) bool, the positions to generate; None for all.
        generator: Source of the row keys; None means torch's default.
        row_keys: (B,) int64 keys instead of a generator.

    Raises:
        ValueError: An argument is wrong.
    """
    rows = prepare(batch, length, hidden, generator, row_keys)
    return counted(rows.ranks(rows.uniforms(Purpose.ORDER)), rows.keys)


def reveal_probabilities(reveal: ArrayLike) -> Float[Tensor, " N"]:
    """Checked reveal probabilities on the CPU, rescaled to sum to one in rounding."""
    # A list goes through numpy: torch would round its floats to float32.
    weights = check_distributions("reveal", reveal if isinstance(reveal, Tensor) else np.asarray(reveal)).cpu()
    if weights.dim() != 1:
        raise ValueError(f"reveal must have shape (N,), one probability per round, got {tuple(weights.shape)}")
    return weights


def _as_list(sizes: Sequence[int] | np.ndarray | Tensor) -> list[object]:
    """The sizes one by one, as Python numbers."""
    return sizes.reshape(-1).tolist() if isinstance(sizes, (Tensor, np.ndarray)) else list(sizes)
