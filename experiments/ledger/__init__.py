"""The theorem ledger as an experiment: its cells, report and figure."""

from experiments.harness import main
from experiments.ledger.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
