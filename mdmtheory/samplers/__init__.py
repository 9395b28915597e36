"""Samplers: plans that fix who is revealed when, and the executor that runs them on any denoiser."""

from mdmtheory.samplers import plans
from mdmtheory.samplers.autoregressive import sample_autoregressive
from mdmtheory.samplers.categorical import categorical
from mdmtheory.samplers.executor import Samples, sample
from mdmtheory.samplers.plans import Plan
from mdmtheory.samplers.randomness import Purpose, row_keys, uniforms

__all__ = [
    "Plan",
    "Purpose",
    "Samples",
    "categorical",
    "plans",
    "row_keys",
    "sample",
    "sample_autoregressive",
    "uniforms",
]
