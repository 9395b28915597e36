"""The masked NELBO without a clock: by the number of masks, or by their share."""

from __future__ import annotations

import math
from typing import ClassVar, Literal, final, get_args

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.ranks import ranks
from mdmtheory.diffusion.losses.loss import Minimum
from mdmtheory.diffusion.losses.masked_cross_entropy import MaskedCrossEntropy
from mdmtheory.diffusion.losses.times import TimeSampling, unit_levels
from mdmtheory.diffusion.processes import Absorbing

Masking = Literal["count", "bernoulli"]


@final
class AnyOrder(MaskedCrossEntropy):
    """The average over reveal orders o of Σ_k −log p(x_{o_k} | x_{o_1} … x_{o_{k−1}}), in two forms of one mean.

        "count"      Σ_{k=1}^L 1/k E_{|M|=k} Σ_{i∈M} −log p(x_i | rest), M uniform among the k-subsets
        "bernoulli"  ∫_0^1 1/λ E Σ_{i masked} −log p(x_i | rest) dλ, each position masked with probability λ

    The first (LLaDA, 2502.09992, eq. 14) draws k = ⌈L·u^skew⌉ and has the lower variance, as the binomial spread of the
    number of masks is gone. With a skew above 1 rows with few masks come more often and weigh less: at 2 a mask weighs
    about k^(−1/2) instead of k^(−1), which evens out the gradients of rows and costs fewer of them. The second (λ-DCE
    of RADD, 2406.03736; with the linear schedule the NELBO of MDLM, 2406.07524, eq. 10) draws λ = u^skew. At skew 1 it
    has a mean but no variance (∫ λ⁻² P(one mask) dλ diverges), and a row may hide nothing and carry no loss.

    `times` are k/L or λ, the noise fraction; u is spread over the batch as `sampling` says.

    Args:
        vocab_size: V.
        masking: "count" or "bernoulli".
        skew: At least one.
        sampling: How the times of a batch are spread.

    Raises:
        ValueError: An unknown masking, or a skew below one.
    """

    minimum: Minimum = "entropy"
    draws: ClassVar[int] = 1

    def __init__(
        self,
        vocab_size: int,
        *,
        masking: Masking = "count",
        skew: float = 1.0,
        sampling: TimeSampling = "stratified",
    ) -> None:
        super().__init__(Absorbing(vocab_size), sampling)
        if masking not in get_args(Masking):
            raise ValueError(f"masking must be count or bernoulli; got {masking!r}")
        if not 1 <= skew < math.inf:
            raise ValueError(f"skew must be at least one and finite, got {skew!r}")
        self.masking, self.skew = masking, skew

    def for_evaluation(self) -> AnyOrder:
        """By the number of masks, each number as often: the rows of an evaluation cost no gradient to even out."""
        return AnyOrder(self.process.vocab_size)

    def times(
        self,
        batch: int,
        length: int,
        *,
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        check_count("length", length)
        levels = unit_levels(batch, self.sampling, generator, device)
        if self.masking == "bernoulli":
            return (1 - levels).double() ** self.skew
        # The power in single precision: where it crosses a whole number decides a count.
        return (1 + (levels**self.skew * length).long().clamp(max=length - 1)).double() / length

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return 1 - time

    def level(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        """The share itself: 1 − (1 − share) would lose digits of a small one."""
        return time.float()

    def noise(
        self, tokens: Int[Tensor, "B L"], time: Float[Tensor, " B"], *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        """Mask exactly k positions of each row, or each with its probability."""
        uniform = torch.rand(tokens.shape, generator=generator, device=tokens.device)
        if self.masking == "bernoulli":
            hidden = uniform < time[:, None]
        else:
            hidden = ranks(uniform) < (time * tokens.shape[1]).round()[:, None]
        return tokens.masked_fill(hidden, self.process.vocab_size)

    def weigh(self, total: Float[Tensor, " B"], time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        """1/(L k P(k)), or skew · λ^{−1/skew}/L."""
        if self.masking == "bernoulli":
            return total * (self.skew * time.to(total.dtype) ** (-1 / self.skew) / length)
        chance = time ** (1 / self.skew) - (time - 1 / length).clamp(min=0) ** (1 / self.skew)
        return total * (1 / (length * (time * length).round() * chance)).to(total.dtype)
