"""Samplers: plans, policies and kernels, and the one verb that runs them on any denoiser.

plans, schemes   who is revealed when, fixed beforehand; a scheme is a law of plans
policies         the next positions are picked from what the denoiser says
kernels          steps of a Markov chain from noise to data
"""

from mdmtheory.samplers import kernels, plans, policies, schemes
from mdmtheory.samplers.autoregressive import sample_autoregressive
from mdmtheory.samplers.draws.categorical import categorical
from mdmtheory.samplers.draws.decoding import Decoding
from mdmtheory.samplers.draws.randomness import Purpose, row_keys, uniforms
from mdmtheory.samplers.executor import sample
from mdmtheory.samplers.kernels import Kernel
from mdmtheory.samplers.plan import Plan
from mdmtheory.samplers.policies import Policy
from mdmtheory.samplers.properties import Properties
from mdmtheory.samplers.samples import Samples
from mdmtheory.samplers.schemes import Scheme

__all__ = [
    "Decoding",
    "Kernel",
    "Plan",
    "Policy",
    "Properties",
    "Purpose",
    "Samples",
    "Scheme",
    "categorical",
    "kernels",
    "plans",
    "policies",
    "row_keys",
    "sample",
    "sample_autoregressive",
    "schemes",
    "uniforms",
]
