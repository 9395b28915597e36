"""TER and SER against the number of steps: its figure."""

from experiments.harness import main
from experiments.ter_vs_steps.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
