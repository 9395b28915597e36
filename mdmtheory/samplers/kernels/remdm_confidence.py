"""Remasking that erases doubtful tokens first."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, final

import torch
from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.kernels.remasking import REMASKING, Remasking
from mdmtheory.samplers.kernels.step import Step
from mdmtheory.samplers.properties import Properties


@final
@dataclasses.dataclass(frozen=True, repr=False)
class ReMDMConfidence(Remasking):
    """σ_t^i = η_i σ_max, η the softmax of −ψ over the tokens, ψ_i the probability with which token i was drawn.

    Doubtful tokens are erased first. A hole has η = 0. Given tokens are no candidates. The law of a single position is
    not kept among others, and the state includes ψ, so it is no Markov chain on tokens alone; the enumeration carries
    ψ along.
    """

    remembers: ClassVar[bool] = True
    properties: ClassVar[Properties] = dataclasses.replace(
        REMASKING, exact="for one hidden position; not shown otherwise", literature="ReMDM-conf"
    )

    def sigma(self, step: Step) -> Float[Tensor, "B L"]:
        if step.confidence is None:
            raise ValueError("confidence must be given: the probability with which each token was drawn")
        psi = step.confidence.masked_fill(step.tokens == self.process.vocab_size, torch.inf)
        weights = (psi.amin(1, keepdim=True).clamp(max=1) - psi).exp()
        share = weights / weights.sum(1, keepdim=True).clamp(min=1e-300)
        return share * self.largest_sigma(step)
