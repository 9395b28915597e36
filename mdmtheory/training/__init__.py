"""Training masked diffusion and autoregressive networks on a language."""

from mdmtheory.training.config import Corpus, DeviceConfig, NetworkConfig, RunConfig, TrainingConfig
from mdmtheory.training.loop import train
from mdmtheory.training.objectives import AR, D3PM, MDLM, MDM, SEDD, Objective
from mdmtheory.training.optimizer import OptimizerConfig
from mdmtheory.training.progress import TrainingRecord
from mdmtheory.training.result import TrainingResult

__all__ = [
    "AR",
    "D3PM",
    "MDLM",
    "MDM",
    "SEDD",
    "Corpus",
    "DeviceConfig",
    "NetworkConfig",
    "Objective",
    "OptimizerConfig",
    "RunConfig",
    "TrainingConfig",
    "TrainingRecord",
    "TrainingResult",
    "train",
]
