"""Schemes: laws of plans, by name. A plan says when each row is revealed; its scheme says with what probability.

    scheme.plan(batch, length)      draws plans for `mdmtheory.samplers.sample`
    scheme.choices(round, hidden)   lists what a round may reveal, for exact laws by enumeration

so that a sampler's exact law and its samples come from one description.
"""

from mdmtheory.samplers.schemes.bernoulli import Bernoulli
from mdmtheory.samplers.schemes.bisection import Bisection
from mdmtheory.samplers.schemes.blocks import Blocks, LeftToRight
from mdmtheory.samplers.schemes.first_hitting import FirstHitting
from mdmtheory.samplers.schemes.fixed_sizes import FixedSizes
from mdmtheory.samplers.schemes.random_order import RandomOrder
from mdmtheory.samplers.schemes.scheme import Positions, Scheme

__all__ = [
    "Bernoulli",
    "Bisection",
    "Blocks",
    "FirstHitting",
    "FixedSizes",
    "LeftToRight",
    "Positions",
    "RandomOrder",
    "Scheme",
]
