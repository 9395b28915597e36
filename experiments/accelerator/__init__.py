"""`python -m experiments.accelerator --minutes 8 --out DIR`: the most that a short time on an accelerator can give.

Sections in order of worth, each cell with a time limit of its own; results.csv and accelerator.md are written as cells
end, what does not fit is listed, and the same command goes on from there. Without an accelerator a small version of
every section runs on the CPU, in less than a minute.
"""

from experiments.accelerator.config import PRESETS, Config
from experiments.accelerator.experiment import EXPERIMENT
from experiments.harness import main

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
