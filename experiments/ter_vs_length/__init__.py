"""The paper's table of TER increases beside ours, by law: does its shape in steps N and length L tell which law it is?

The exact denoiser on our languages under the path, the marginal and the generative law, and the paper's trained models.
Levels depend on the language and cannot agree; a law with the paper's shape has the paper's figures at a constant
multiple of its own. `python -m experiments.ter_vs_length` takes one or two minutes on two CPU cores.
"""

from experiments.harness import main
from experiments.ter_vs_length.config import PRESETS, Config
from experiments.ter_vs_length.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
