"""SER against the number of steps: its cells and figures."""

from experiments.harness import main
from experiments.ser_vs_steps.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
