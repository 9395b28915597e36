"""Training masked diffusion and autoregressive networks on a language."""

from mdmtheory.training.config import TrainingConfig
from mdmtheory.training.loop import train
from mdmtheory.training.progress import TrainingRecord
from mdmtheory.training.result import TrainingResult

__all__ = ["TrainingConfig", "TrainingRecord", "TrainingResult", "train"]
