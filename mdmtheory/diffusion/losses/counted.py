"""The masked NELBO as a sum over the number of masks."""

from __future__ import annotations

from typing import ClassVar, final

import torch
from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.loss import Loss, Minimum, Output
from mdmtheory.diffusion.masking import TimeSampling, check_skew, unit_levels
from mdmtheory.diffusion.processes import Absorbing


@final
class Counted(Loss):
    """Σ_{k=1}^L 1/k E_{|M|=k} Σ_{i∈M} −log p(x_i | rest), M uniform among the k-subsets (LLaDA, 2502.09992, eq. 14).

    It equals `LambdaWeighted` at lower variance, as the binomial spread of the number of masks is gone. `time` is k/L
    with k = ⌈L·u^skew⌉, u spread evenly over the batch; the weight is 1/(k P(k)).

    Args:
        vocab_size: V.
        skew: At least one; see `masking.count_masks`.

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
        levels = unit_levels(batch, sampling, generator, torch.device(device)).double()
        return ((levels**self.skew * length).floor().clamp(max=length - 1) + 1) / length

    def alpha(self, time: Float[Tensor, " B"]) -> Float[Tensor, " B"]:
        return 1 - time

    def noise(
        self, tokens: Int[Tensor, "B L"], time: Float[Tensor, " B"], *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        """Mask exactly k positions of each row."""
        rank = torch.rand(tokens.shape, generator=generator, device=tokens.device).argsort(dim=1).argsort(dim=1)
        count = (time * tokens.shape[1]).round().long()
        return tokens.masked_fill(rank < count[:, None], self.process.vocab_size)

    def weight(self, time: Float[Tensor, " B"], length: int) -> Float[Tensor, " B"]:
        chance = time ** (1 / self.skew) - (time - 1 / length).clamp(min=0) ** (1 / self.skew)
        return 1 / (length * time * chance)

    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        return -output.gather(-1, tokens[:, None])[:, 0]
