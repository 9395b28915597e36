"""As many positions as their confidence allows together: of the most likely tokens, and of the tokens drawn."""

from __future__ import annotations

import dataclasses
import sys
from typing import ClassVar

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_fraction
from mdmtheory.samplers.policies.ranked import Ranked, confidence, in_use
from mdmtheory.samplers.properties import Properties


@dataclasses.dataclass(frozen=True, repr=False)
class Factor(Ranked):
    """The n surest positions, with the largest n such that (n + 1)(1 − c_n) < factor, c_n the n-th confidence.

    Public code takes the confidence of the token drawn: `FastDLLMFactor`. With greedy decoding both are the same.

    Attributes:
        factor: Positive; at 1 the argmax of the product is that of the joint law (Fast-dLLM, 2505.22618, Theorem 1;
            ledger `fast-dllm`).
    """

    properties: ClassVar[Properties] = Properties(
        exact="where all that is taken together is certain",
        calls="≤ L",
        revises=False,
        needs_time=False,
        literature="factor rule on the most likely token; Fast-dLLM's at temperature 0",
        source="2505.22618",
    )

    factor: float = 1.0

    def __post_init__(self) -> None:
        super().__post_init__()
        factor = check_fraction("factor", self.factor, low=sys.float_info.min, high=sys.float_info.max)
        object.__setattr__(self, "factor", factor)

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return confidence(log_probs)

    def count(self, ranked: Float[Tensor, "B L"], left: Int[Tensor, "B 1"], width: float) -> Int[Tensor, "B 1"]:
        sizes = torch.arange(1, ranked.shape[1] + 1, device=ranked.device)
        enough = in_use(ranked, left) & ((sizes + 1) * (1 - ranked) < self.factor - width)
        return (sizes * enough).amax(1, keepdim=True)


class FastDLLMFactor(Factor):
    """The n best drawn tokens, with the largest n such that (n + 1)(1 − c_n) < factor, c_n the n-th best probability.

    Fast-dLLM's factor decoding (2505.22618, Algorithm 1).
    """

    ranks_drawn: ClassVar[bool] = True
    properties: ClassVar[Properties] = dataclasses.replace(
        Factor.properties, exact="where all is certain", literature="factor decoding (Fast-dLLM)"
    )
