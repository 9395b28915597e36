"""The paper's table under three laws: its cells, fits, answers and figures."""

from experiments.harness import main
from experiments.ter_vs_length.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
