"""Reveal probabilities of least sequence error rate, by gradient.

To first order SER = Σ_k w_k² g(t_{k−1}) with g the conflict curve, so the density √g is where the search starts. In
logits z, w = softmax(z), the terms w_k² g are all equal there and the problem is well scaled, however short the first
steps of a schedule are. What is minimised is the logit of the SER: its slope says the same at SER 10⁻⁶ and at 1 − 10⁻⁶.

Derivatives ∂SER/∂w are those of w ↦ SER(w/Σw), so Σ_k w_k ∂SER/∂w_k = 0, and w satisfies the conditions of Karush, Kuhn
and Tucker on the simplex exactly if no derivative is negative.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy import optimize

from languages import Language
from languages.checks import check_count
from languages.closed_forms import ClosedForms, having
from languages.information import conflict_curve, is_first_order
from languages.reveals import reveal_probabilities
from mdmtheory.exact.markov.adjoint import sequence_error_gradient
from mdmtheory.exact.markov.sequence_errors import sequence_error_rate
from mdmtheory.exact.optimal.densities import density_reveal

Weights = NDArray[np.float64]
Slopes = Callable[[Weights], tuple[float, Weights]]
"""SER and its derivatives at reveal probabilities w."""

LIFTED = 0.1
"""Steps of probability zero in a start begin at this share of an equal step: they could never grow."""
SURE = 1e-12
"""An SER within this of zero or one has no slope beyond rounding."""
SETTLED = 1e-6
"""The search stops when no derivative in a logit, relative to SER(1 − SER), is larger."""
MOST_ITERATIONS = 200
"""Ten to forty suffice where it has been tried."""
DIFFERENCE = 1e-5
"""Step of the difference quotients in a logit; their error is its square."""


@dataclasses.dataclass(frozen=True, eq=False)
class LowestSequenceError:
    """Reveal probabilities at which the SER cannot be lowered by moving probability between steps.

    Attributes:
        reveal: (N,) reveal probabilities w_k.
        sequence_error_rate: Exact SER of the marginal law there.
        gradient: (N,) ∂SER/∂w_k of w ↦ SER(w/Σw).
        start: SER where the search began.
        iterations: Steps of L-BFGS.
    """

    reveal: Float[np.ndarray, " N"]
    sequence_error_rate: float
    gradient: Float[np.ndarray, " N"]
    start: float
    iterations: int

    @property
    def gap(self) -> float:
        """Certificate: −min_k ∂SER/∂w_k ≥ 0, zero exactly where the first-order conditions of optimality hold.

        Moving a share ε of all probability to the best step lowers the SER by ε·gap to first order; if the SER is
        convex on the simplex, no schedule of as many steps is better by more than the gap (Frank and Wolfe).
        """
        return max(0.0, -float(self.gradient.min()))

    def __repr__(self) -> str:
        return (
            f"LowestSequenceError({len(self.reveal)} steps, SER {self.sequence_error_rate:.6g}, "
            f"gap {self.gap:.1e}, {self.iterations} iterations)"
        )


def lowest_sequence_error_reveal(
    language: Language, length: int, steps: int, *, start: ArrayLike | None = None
) -> LowestSequenceError:
    """Reveal probabilities w_1, …, w_N of the Bernoulli schedule of least exact SER, by L-BFGS in their logits.

    A local search. It begins at the density √g or at equal steps, whichever is better, and never ends worse than where
    it began. Each iteration costs one gradient: about ten values of the SER for a chain, 2N for a closed form.

    Args:
        language: One whose `closed_forms` have a `sequence_error_rate`, by difference quotients; or
            a first-order chain (an n-gram of order 1 or 2), with exact derivatives.
        length: L ≥ 1.
        steps: N ≥ 1.
        start: (N,) reveal probabilities from which to search, instead; zeros are lifted.

    Returns:
        The schedule, its SER and the certificate `gap`.

    Raises:
        ValueError: Another kind of language, a start that is no law of N steps, so few steps that no sequence
            comes out right (SER = 1 to rounding, without a slope), or sizes that do not fit in memory.
    """
    length, steps = check_count("length", length), check_count("steps", steps)
    starts = [] if start is None else [reveal_probabilities(np.asarray(start, dtype=np.float64)).numpy()]
    if starts and len(starts[0]) != steps:
        raise ValueError(f"start must have {steps} reveal probabilities, one a step, got {len(starts[0])}")
    value, slopes = _error_of(language, length)
    lifted = [np.where(w > 0, w, LIFTED / steps) for w in starts or _starts(language, length, steps)]
    before, first = min(((value(weights / weights.sum()), weights) for weights in lifted), key=lambda pair: pair[0])
    if before >= 1 - SURE:
        raise ValueError(
            f"steps={steps}: with so few no sequence of length {length} comes out right (SER = 1 to rounding), and "
            "there is no slope to follow; take more steps or a shorter length"
        )
    search = _Search(slopes)
    search(np.log(first))
    if steps == 1 or before <= SURE:
        return search.result(before, 0)
    found = optimize.minimize(
        search,
        np.log(first),
        jac=True,
        method="L-BFGS-B",
        options={"gtol": SETTLED, "ftol": 0.0, "maxiter": MOST_ITERATIONS},
    )
    return search.result(before, int(found.nit))


class _Search:
    """The objective, logit SER of softmax logits, and the best point at which it was ever asked."""

    def __init__(self, slopes: Slopes) -> None:
        self.slopes = slopes
        self.error = np.inf
        self.weights, self.gradient = np.zeros(0), np.zeros(0)
        self.answers: dict[bytes, tuple[float, Weights]] = {}

    def __call__(self, logits: Weights) -> tuple[float, Weights]:
        key = logits.tobytes()
        if key not in self.answers:  # a gradient is dear, and the start is asked for twice
            self.answers[key] = self._answer(logits)
        return self.answers[key]

    def _answer(self, logits: Weights) -> tuple[float, Weights]:
        weights = np.exp(logits - logits.max())
        weights /= weights.sum()
        error, gradient = self.slopes(weights)
        if error < self.error:
            self.error, self.weights, self.gradient = error, weights, gradient
        error = min(max(error, SURE), 1 - SURE)  # a line search may overshoot
        return float(np.log(error) - np.log1p(-error)), weights * gradient / (error * (1 - error))

    def result(self, start: float, iterations: int) -> LowestSequenceError:
        return LowestSequenceError(self.weights, self.error, self.gradient, start, iterations)


def _error_of(language: Language, length: int) -> tuple[Callable[[Weights], float], Slopes]:
    """The SER as a function of w, alone and with its derivatives."""
    forms = having(language.closed_forms, "sequence_error_rate")
    if forms is not None:
        return functools.partial(forms.sequence_error_rate, length), functools.partial(_differences, forms, length)
    if not is_first_order(language):
        raise ValueError(
            f"the exact SER of {language!r} is not known: it takes a first-order chain (an n-gram of order 1 or 2) or "
            "a closed form; density_reveal of the root of an estimated conflict curve "
            "(languages.information.estimate_conflict_curve) is SER-optimal to first order"
        )

    def slopes(weights: Weights) -> tuple[float, Weights]:
        error, gradient = sequence_error_gradient(language, length, weights)
        return error, gradient.numpy()

    return functools.partial(sequence_error_rate, language, length), slopes


def _differences(forms: ClosedForms, length: int, weights: Weights) -> tuple[float, Weights]:
    """SER and its derivatives, ∂SER/∂w_k = (∂SER/∂z_k)/w_k in logits z."""
    gradient = np.zeros_like(weights)
    for k, weight in enumerate(weights):
        up, down = (forms.sequence_error_rate(length, _scaled(weights, k, sign * DIFFERENCE)) for sign in (1, -1))
        gradient[k] = (up - down) / (2 * DIFFERENCE * weight)
    return forms.sequence_error_rate(length, weights), gradient


def _scaled(weights: Weights, k: int, logit: float) -> Weights:
    """Reveal probabilities after step k has gained a logit."""
    moved = weights.copy()
    moved[k] *= np.exp(logit)
    return moved / moved.sum()


def _starts(language: Language, length: int, steps: int) -> list[Weights]:
    """Equal steps, and the density √g where the conflict curve is exact and not zero."""
    equal = np.full(steps, 1 / steps)
    try:
        curve = conflict_curve(language, length)
    except ValueError:  # too large to enumerate
        return [equal]
    if steps == 1 or not bool((curve.gamma > 0).any()):
        return [equal]
    return [density_reveal(lambda t: curve.g(t).clamp(min=0.0).sqrt().cpu().numpy(), steps), equal]
