"""How the sequence error rate (SER) falls with the number of steps, and why steps must grow with the length.

SER of the exact denoiser with uniform steps: exact where a calculator knows it, estimated from samples beside it, and
its first-order law 1 − exp(−Σ w²g). Then N = C·L: along L at fixed C the SER does not fall but tends to 1 − e^{−κ/C},
so N ≈ κL/(−ln(1 − SER)) steps are needed. `python -m experiments.ser_vs_steps` takes about a minute on two CPU cores.
"""

from experiments.harness import main
from experiments.ser_vs_steps.config import PRESETS, Config
from experiments.ser_vs_steps.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
