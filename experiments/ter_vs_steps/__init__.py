"""How token errors (TER) and sequence errors (SER) of a masked diffusion model fall with the number of steps.

On languages whose law is known exactly: the exact denoiser, a trained masked diffusion model and a trained
autoregressive one, side by side. `python -m experiments.ter_vs_steps` runs the demo preset in a few minutes on two CPU
cores; `--preset paper-oracle` recomputes the paper's table without training; `--preset paper` trains as the paper does.
"""

from experiments.harness import main
from experiments.ter_vs_steps.config import PRESETS, Config
from experiments.ter_vs_steps.experiment import EXPERIMENT

__all__ = ["EXPERIMENT", "PRESETS", "Config", "main"]
