"""A closed class of a Markov chain: its stationary law and how fast it is approached."""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from jaxtyping import Float, Int
from scipy import sparse

from languages.automata.mixing import second_modulus, steps_to_mix
from languages.automata.stationary import class_law
from languages.checks import check_fraction


@dataclasses.dataclass(frozen=True, eq=False)
class RecurrentClass:
    """A closed class of states, that the chain never leaves once it is there.

    Attributes:
        states: (M,) indices of its states in the chain.
        period: Every return takes a multiple of this number of steps.
        probability: Chance that the chain, from its own start, ends up here.
        transition: (M, M) sparse, the chain inside the class.
    """

    states: Int[np.ndarray, " M"]
    period: int
    probability: float
    transition: sparse.csr_matrix = dataclasses.field(repr=False)

    @functools.cached_property
    def stationary_law(self) -> Float[np.ndarray, " M"]:
        """The one stationary law on the class, in the order of `states`; positive everywhere."""
        return class_law(self.transition)

    @functools.cached_property
    def second_eigenvalue_modulus(self) -> float:
        """Second largest modulus λ of an eigenvalue: distances to the stationary law fall as λᵗ. One if periodic."""
        return 1.0 if self.period > 1 else second_modulus(self.transition)

    @property
    def relaxation_time(self) -> float:
        """Steps 1/(1 − λ); infinite if periodic or if 1 − λ is lost in rounding."""
        gap = 1 - self.second_eigenvalue_modulus
        return 1 / gap if gap > 0 else math.inf

    def mixing_time(self, epsilon: float = 0.25) -> float:
        """Fewest steps after which the law from every start in the class is within `epsilon` of stationary.

        Exact, from powers of the transition matrix; the distance is total variation. Infinite if periodic.

        Args:
            epsilon: Total variation in (0, 1).

        Raises:
            ValueError: A class of more than 1,024 states.
        """
        epsilon = check_epsilon(epsilon)
        if self.period > 1:
            return math.inf
        return steps_to_mix(self.transition, np.eye(len(self.states)), self.stationary_law, epsilon)


def check_epsilon(epsilon: float) -> float:
    """A distance in total variation that rounding does not reach."""
    return check_fraction("epsilon", epsilon, low=1e-10)
