"""Every family of samplers on the same languages at equal network calls: what each gets wrong, and what it pays for.

SER, forward and generative TER and the total correlation paid, of every sampler of the registry with the exact
denoiser, set to the same mean numbers of network calls: does remasking repair, does confidence hurt, when does uniform
noise beat masking? `python -m experiments.samplers` runs in a few minutes; short sequences are exact by enumeration,
long ones estimated with intervals, or exact where a calculator serves.
"""

from experiments.harness import main
from experiments.samplers.config import PRESETS, Config
from experiments.samplers.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
