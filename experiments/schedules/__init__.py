"""How many steps a better schedule saves: families of schedules at equal steps, and at equal error.

Uniform steps (the log-linear noise of published samplers) and cosine against schedules made for a language: least path
KL by dynamic programming, least SER by gradient, the square-root densities that approximate both, and schedules that
reveal fixed numbers of positions. `python -m experiments.schedules` runs in a minute or two; curves, path laws and SER
of the default languages are exact, but for the hidden Markov model, whose curves are sampled.
"""

from experiments.harness import main
from experiments.schedules.config import PRESETS, Config
from experiments.schedules.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
