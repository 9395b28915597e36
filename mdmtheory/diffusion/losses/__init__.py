"""Losses, one method a file. Each bounds −log p(x) from above and says what its least value is."""

from mdmtheory.diffusion.losses.autoregressive import autoregressive_losses, causal_inputs
from mdmtheory.diffusion.losses.counted import Counted
from mdmtheory.diffusion.losses.discrete_time import DiscreteTime
from mdmtheory.diffusion.losses.lambda_weighted import LambdaWeighted
from mdmtheory.diffusion.losses.loss import Loss
from mdmtheory.diffusion.losses.masked import masked_diffusion_losses
from mdmtheory.diffusion.losses.network import Network
from mdmtheory.diffusion.losses.score_entropy import DenoisingScoreEntropy, score_entropy
from mdmtheory.diffusion.losses.subs import Subs

__all__ = [
    "Counted",
    "DenoisingScoreEntropy",
    "DiscreteTime",
    "LambdaWeighted",
    "Loss",
    "Network",
    "Subs",
    "autoregressive_losses",
    "causal_inputs",
    "masked_diffusion_losses",
    "score_entropy",
]
