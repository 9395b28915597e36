"""Families of schedules: what they are, their cells and figures."""

from experiments.harness import main
from experiments.schedules.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
