"""Plans: who is revealed when, decided before any network call."""

from mdmtheory.samplers.plans.bisection_reveals import bisection
from mdmtheory.samplers.plans.ordered_reveals import blocks, left_to_right
from mdmtheory.samplers.plans.plan import GIVEN, Plan
from mdmtheory.samplers.plans.random_reveals import (
    bernoulli,
    first_hitting,
    fixed_sizes,
    random_order,
    reveal_probabilities,
)

__all__ = [
    "GIVEN",
    "Plan",
    "bernoulli",
    "bisection",
    "blocks",
    "first_hitting",
    "fixed_sizes",
    "left_to_right",
    "random_order",
    "reveal_probabilities",
]
