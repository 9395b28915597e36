"""The masked NELBO as an integral over the share of masks."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.loss import Loss, Minimum, Output
from mdmtheory.diffusion.masking import TimeSampling, check_skew, unit_levels
from mdmtheory.diffusion.processes import Absorbing


@final
class LambdaWeighted(Loss):
    """∫_0^1 1/λ E Σ_{i masked} −log p(x_i | rest) dλ, each position masked with probability λ.

    RADD's λ-DCE (2406.03736). It equals the average over orders of Σ_k −log p(x_{o_k} | x_{o_1} … x_{o_{k−1}}). `time`
    is λ, drawn as u^skew with u uniform, at weight skew · λ^{−1/skew}: above 1, rows with few masks come more often and
    weigh less. At skew 1 the variance is infinite.

    Args:
        vocab_size: V.
        skew: At least one.

    Raises:
        ValueError: A skew below one.
    """

    output: ClassVar[Output] = "log-posterior"
    minimum: Minimum = "entropy"

    def __init__(self, vocab_size: int, *, skew: float = 1.0) -> None:
        super().__init__(Absorbing(vocab_size))
        self.skew = check_skew(skew)

    def times(
        self,
        batch: int,
        length: int,
        *,
        sampling: TimeSampling = "stratified",
        generator: torch.Generator | None = None,
        device: torch.device | str = "cpu",
    ) -> Float[Tensor, " B"]:
        return (1 - unit_levels(batch, sampling, generator, torch.device(device)).double()) ** self.skew

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return 1 - time

    def weight(self, time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        return self.skew * time ** (-1 / self.skew)

    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        return -output.gather(-1, tokens[:, None])[:, 0]
