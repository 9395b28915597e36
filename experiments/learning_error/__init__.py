"""What a trained network adds: its cells, measures, report and figures."""

from experiments.harness import main
from experiments.learning_error.config import PRESETS, Config
from experiments.learning_error.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
