"""Families of schedules for one language at one length, and what each of their members costs.

| name | reveals | what for |
|---|---|---|
| uniform | w_k = 1/N | log-linear noise, stepped evenly in time: what published samplers do |
| cosine | α(t) = 1 − sin(πt/2), stepped evenly | few tokens first (MaskGIT, 2202.04200) |
| root-h | density √h' | least path KL to first order |
| least-kl | nodes by dynamic programming | least path KL |
| root-g | density √g | least SER to first order |
| least-ser | probabilities by gradient | least SER |
| equal-sizes | L/N positions a step, exactly | |
| least-kl-sizes | sizes by dynamic programming | least path KL of all fixed sizes |
| tc-sizes, dtc-sizes | equal shares of what is left; their mirror image | from TC or DTC alone (2511.04647) |
"""

from __future__ import annotations

import functools
from collections.abc import Callable

import numpy as np

from experiments.schedules.curves import ScheduleCurves, Weights
from languages import Estimate, Language
from languages.closed_forms import having
from languages.information import is_first_order
from mdmtheory.bounds import dual_total_correlation_sizes, total_correlation_sizes
from mdmtheory.diffusion.schedules import schedule_from
from mdmtheory.exact import markov, optimal
from mdmtheory.exact.markov.cost import recursion_work
from mdmtheory.exact.optimal import Curve

MOST_WORK = 3.8e9
"""Multiply–adds of an exact SER by the gap recursion beyond which it is left out: about a second of one core."""
GRADIENTS = 60
"""Values of the SER that a search by gradient costs, roughly."""
MOST_TERMS = 160
"""Steps beyond which the gradient of a closed form, by differences, is left out."""


class ScheduleFamilies:
    """Every family that makes sense for a language, and its path KL and SER at each number of steps.

    Args:
        language: The language.
        length: L.
        curves: What is known of it.
    """

    def __init__(self, language: Language, length: int, curves: ScheduleCurves) -> None:
        self.language, self.length, self.curves = language, length, curves
        self.closed_form = having(language.closed_forms, "sequence_error_rate")
        self.bernoulli: dict[str, Callable[[int], Weights]] = {
            "uniform": lambda n: np.full(n, 1 / n),
            "cosine": lambda n: schedule_from("cosine").reveal_probabilities(n).numpy(),
        }
        if np.ptp(np.asarray(curves.h(np.array([0.0, 1.0])))) > 0:  # else tokens are independent, and all steps alike
            self.bernoulli["root-h"] = functools.partial(optimal.density_reveal, _root(curves.h_prime))
            self.bernoulli["least-kl"] = functools.cache(functools.partial(optimal.best_reveal, curves.h))
        if curves.g is not None:
            self.bernoulli["root-g"] = functools.partial(optimal.density_reveal, _root(curves.g))
            if self.knows_error("least-ser", 1):
                self._lowest = functools.cache(
                    functools.partial(optimal.lowest_sequence_error_reveal, language, length)
                )
                self.bernoulli["least-ser"] = lambda n: np.ones(1) if n == 1 else self._lowest(n).reveal
        self.fixed: dict[str, Callable[[int], list[int]]] = {}
        if (z := curves.z) is not None:
            self.fixed = {
                "equal-sizes": lambda n: [len(part) for part in np.array_split(np.arange(length), min(n, length))],
                "least-kl-sizes": lambda n: optimal.best_sizes(z, n),
                "tc-sizes": functools.partial(longest_within, total_correlation_sizes, length),
                "dtc-sizes": functools.partial(longest_within, dual_total_correlation_sizes, length),
            }
        self.error = functools.cache(self._error)
        self.kl = functools.cache(self._kl)

    @property
    def names(self) -> tuple[str, ...]:
        """All families, Bernoulli ones first."""
        return (*self.bernoulli, *self.fixed)

    def revealed(self, name: str, steps: int) -> Weights:
        """(N + 1,) mean revealed fraction before the first step and after each; fewer where the family has no N."""
        if name in self.fixed:
            return np.cumsum([0, *self.fixed[name](steps)]) / self.length
        return np.concatenate([[0.0], np.cumsum(self.bernoulli[name](steps))]).clip(max=1.0)

    def knows_error(self, name: str, steps: int) -> bool:
        """Whether the SER of a family with N steps is known exactly, and in a few seconds."""
        if name in getattr(self, "fixed", {}):
            return False
        searched = name == "least-ser"
        if self.closed_form is not None:
            return not searched or steps <= MOST_TERMS
        work = recursion_work(self.language.vocab_size, self.length, steps)
        return is_first_order(self.language) and work * (GRADIENTS if searched else 1) <= MOST_WORK

    def _kl(self, name: str, steps: int) -> Estimate:
        """Path KL (nats) of a family with N steps."""
        if name not in self.fixed:
            return self.curves.path_kl(self.bernoulli[name](steps))
        assert self.curves.z is not None
        value = optimal.fixed_size_path_kl(self.curves.z, self.fixed[name](steps))
        rounding = 1e-13 * float(self.curves.z.sum())
        return Estimate.exact(value if value > rounding else 0.0, law="path", unit="nats")

    def _error(self, name: str, steps: int) -> Estimate | None:
        """Exact SER of a family with N steps, None where `knows_error` says no."""
        if not self.knows_error(name, steps):
            return None
        if name == "least-ser" and steps > 1:  # there is but one schedule of one step
            value = self._lowest(steps).sequence_error_rate
        elif self.closed_form is not None:
            value = self.closed_form.sequence_error_rate(self.length, self.bernoulli[name](steps))
        else:
            value = markov.sequence_error_rate(self.language, self.length, self.bernoulli[name](steps))
        return Estimate.exact(value, law="marginal", unit="probability")


def longest_within(sizes: Callable[[float, float, int], list[int]], length: int, steps: int) -> list[int]:
    """The longest TC or DTC schedule of at most N steps: its shares ζ = 1 + TC/ε are all that matters."""
    result = [length]
    for zeta in range(2, length + 2):
        found = sizes(zeta - 1, 1.0, length)
        if len(found) <= steps:
            result = found
    return result


def _root(curve: Curve) -> Curve:
    return lambda t: np.sqrt(np.maximum(curve(t), 0.0))
