"""Losses, one method a file. Each bounds −log p(x) from above and says what its least value is."""

from mdmtheory.diffusion.losses.any_order import AnyOrder, Masking
from mdmtheory.diffusion.losses.autoregressive import Autoregressive, causal_inputs
from mdmtheory.diffusion.losses.diffusion_loss import DiffusionLoss
from mdmtheory.diffusion.losses.discrete_time import DiscreteTime
from mdmtheory.diffusion.losses.loss import Loss, Network
from mdmtheory.diffusion.losses.score_entropy import DenoisingScoreEntropy, score_entropy
from mdmtheory.diffusion.losses.subs import Subs
from mdmtheory.diffusion.losses.times import TimeSampling

__all__ = [
    "AnyOrder",
    "Autoregressive",
    "DenoisingScoreEntropy",
    "DiffusionLoss",
    "DiscreteTime",
    "Loss",
    "Masking",
    "Network",
    "Subs",
    "TimeSampling",
    "causal_inputs",
    "score_entropy",
]
