"""Top-k by confidence: of the most likely token, and of the token drawn."""

from __future__ import annotations

from typing import ClassVar

from jaxtyping import Float
from torch import Tensor

from mdmtheory.samplers.policies.ranked import TopK, confidence
from mdmtheory.samplers.properties import Properties


class Confidence(TopK):
    """The positions whose most likely token is most likely.

    The choice hangs on the state alone, so one token a step is exact. Public code ranks by the token drawn instead:
    `LowConfidenceRemasking`. With greedy decoding both are the same.
    """

    properties: ClassVar[Properties] = Properties(
        exact="at size 1",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="top-k by the most likely token; LLaDA's rule at temperature 0",
        source="2608.25505",
    )

    def score(self, log_probs: Float[Tensor, "B L V"]) -> Float[Tensor, "B L"]:
        return confidence(log_probs)


class LowConfidenceRemasking(Confidence):
    """The positions whose drawn token is most likely: a token is drawn at every hole, and all but the best are erased.

    The rule of LLaDA's `generate` (remasking="low_confidence", commit b7e6c35), ranked by p_i(x̂_i) as the denoiser
    says it, x̂_i drawn as `Decoding` has it; MaskGIT ranks so too, with Gumbel noise on the scores and sizes that grow.
    **At temperature 1 it is biased even at one token a step**: likely tokens are revealed too often, as unlikely ones
    are thrown away.
    """

    ranks_drawn: ClassVar[bool] = True
    properties: ClassVar[Properties] = Properties(
        exact="where all is certain or independent and uniform",
        calls="⌈L/size⌉",
        revises=False,
        needs_time=False,
        literature="low-confidence remasking (LLaDA); MaskGIT without its choice temperature",
        source="2502.09992, 2202.04200",
    )
