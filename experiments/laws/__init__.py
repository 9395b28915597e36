"""Path against marginal law: its cells and figures."""

from experiments.harness import main
from experiments.laws.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
