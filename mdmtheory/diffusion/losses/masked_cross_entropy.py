"""What losses at masks have in common: each term is the cross-entropy of the clean token."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float, Int
from torch import Tensor

from mdmtheory.diffusion.losses.diffusion_loss import DiffusionLoss, Output
from mdmtheory.diffusion.losses.expectation import cross_entropies


class MaskedCrossEntropy(DiffusionLoss):
    """−log p(x_0 = x | x_t) at every mask; how often each number of masks comes, and its weight, are the loss's own."""

    output: ClassVar[Output] = "log-posterior"

    def terms(
        self,
        output: Float[Tensor, "K V"],
        tokens: Int[Tensor, " K"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        return -output.gather(-1, tokens[:, None])[:, 0]

    def expected_terms(
        self,
        output: Float[Tensor, "K V"],
        law: Float[Tensor, "K V"],
        noisy: Int[Tensor, " K"],
        time: Float[Tensor, " K"],
    ) -> Float[Tensor, " K"]:
        return cross_entropies(law, output)
