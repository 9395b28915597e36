"""Which positions a training example hides, and what each hidden position then weighs.

Both ways draw a noise level per row and return weights such that, for every sequence x of length L,
E[ Σ_i weight·(−log p(x_i | revealed)) ] is the same number: the path negative log-likelihood of x under the
continuous-time reverse process, in nats per token, averaged over reveal orders.
"""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from languages.checks import check_count
from mdmtheory.diffusion.schedules import Linear, Schedule

TimeSampling = Literal["stratified", "systematic", "independent"]
Masking = Literal["count", "bernoulli"]


class Masks(NamedTuple):
    """Positions to hide and what they weigh.

    Attributes:
        hidden: (B, L) True where the token is replaced by the mask.
        weight: (B,) weight of −log p at each hidden position of the row, per token of the row (1/L is in it).
        time: (B,) noise fraction of the row.
    """

    hidden: Bool[Tensor, "B L"]
    weight: Float[Tensor, " B"]
    time: Float[Tensor, " B"]


def unit_levels(batch: int, sampling: TimeSampling, generator: torch.Generator | None, device: torch.device
                ) -> Float[Tensor, " B"]:  # fmt: skip
    """Draw `batch` numbers, each uniform on [0, 1), that cover the interval evenly together.

    Args:
        batch: B.
        sampling: "stratified", row b uniform in [b/B, (b+1)/B); "systematic", one uniform u shared by all rows,
            (u + b/B) mod 1 (the "antithetic" sampling of MDLM); "independent".
        generator: Source of randomness on `device`.
        device: Where the result lives.

    Raises:
        ValueError: An unknown kind of sampling.
    """
    if sampling == "independent":
        return torch.rand(batch, generator=generator, device=device)
    rank = torch.arange(batch, device=device, dtype=torch.float32)
    if sampling == "stratified":
        levels = (rank + torch.rand(batch, generator=generator, device=device)) / max(batch, 1)
    elif sampling == "systematic":
        levels = (torch.rand(1, generator=generator, device=device) + rank / max(batch, 1)) % 1
    else:
        raise ValueError(f"sampling must be stratified, systematic or independent; got {sampling!r}")
    return levels.clamp(max=1 - 2**-24)  # rounding in float32 may reach 1


def check_skew(skew: float) -> float:
    """Return `skew` if it is at least one and finite, else raise a ValueError."""
    if not 1 <= skew < math.inf:
        raise ValueError(f"skew must be at least one and finite, got {skew!r}")
    return skew


def bernoulli_masks(
    batch: int,
    length: int,
    *,
    schedule: Schedule | None = None,
    sampling: TimeSampling = "stratified",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Masks:
    """Hide each position independently with probability m = 1 − α(t), t uniform; the weight is −α'(t)/(1 − α(t))/L.

    With the linear schedule this is the NELBO of MDLM (Sahoo et al., 2406.07524, eq. 10) and MD4: m ~ U(0, 1),
    weight 1/m. A row that hides nothing carries no loss. The loss has a mean but, with this schedule, no variance
    (∫ m⁻² P(one hidden) dm diverges): `count_masks` has both.

    Args:
        batch: B.
        length: L.
        schedule: α(t); linear by default. It changes the variance, not the mean.
        sampling: How the levels of a batch cover [0, 1]; see `unit_levels`.
        generator: Source of randomness on `device`.
        device: Where the result lives.
    """
    check_count("length", length)
    device = torch.device(device)
    t = 1 - unit_levels(batch, sampling, generator, device)
    if schedule is None or schedule == Linear():
        time, weight = t, 1 / t
    else:
        time = 1 - schedule.alpha(t.double())
        weight = torch.where(time > 0, -schedule.dalpha(t.double()) / time, torch.zeros_like(time)).float()
        time = time.float()
    hidden = torch.rand(batch, length, generator=generator, device=device) < time[:, None]
    return Masks(hidden, weight / length, time)


def count_masks(
    batch: int,
    length: int,
    *,
    skew: float = 1.0,
    sampling: TimeSampling = "stratified",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Masks:
    """Hide exactly k positions, uniform among the subsets of size k; k = ⌈L·u^skew⌉ with u uniform.

    The weight is 1/(L·k·P(k)), so 1/k where k is uniform on 1 … L (skew 1: LLaDA, 2502.09992, eq. 14, with k
    stratified over the batch). The same mean as `bernoulli_masks` at lower variance, as the binomial spread of the
    number hidden is gone. With a skew above 1 rows with few holes come more often and weigh less: at 2 a hidden
    token weighs about k^(−1/2) instead of k^(−1), which evens out the gradients of rows and costs fewer of them.

    Args:
        batch: B.
        length: L.
        skew: At least one.
        sampling: How the k of a batch cover 1 … L; see `unit_levels`.
        generator: Source of randomness on `device`.
        device: Where the result lives.
    """
    check_count("length", length)
    check_skew(skew)
    device = torch.device(device)
    levels = unit_levels(batch, sampling, generator, device)
    count = 1 + (levels**skew * length).long().clamp(max=length - 1)
    rank = torch.rand(batch, length, generator=generator, device=device).argsort(dim=1).argsort(dim=1)
    share = count.double() / length
    chance = share ** (1 / skew) - (share - 1 / length).clamp(min=0) ** (1 / skew)
    return Masks(rank < count[:, None], (1 / (length * count * chance)).float(), share.float())


def draw_masks(
    masking: Masking,
    batch: int,
    length: int,
    *,
    skew: float = 1.0,
    sampling: TimeSampling = "stratified",
    generator: torch.Generator | None = None,
    device: torch.device | str = "cpu",
) -> Masks:
    """Dispatch by name: "count" or "bernoulli"; `skew` belongs to "count".

    Raises:
        ValueError: An unknown name.
    """
    if masking == "count":
        return count_masks(batch, length, skew=skew, sampling=sampling, generator=generator, device=device)
    if masking == "bernoulli":
        return bernoulli_masks(batch, length, sampling=sampling, generator=generator, device=device)
    raise ValueError(f"masking must be count or bernoulli; got {masking!r}")
