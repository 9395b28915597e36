"""Sampler families at equal network calls: their settings, cells, comparison and figures."""

from experiments.harness import main
from experiments.samplers.experiment import EXPERIMENT, PRESETS, Config

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
