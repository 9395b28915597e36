"""SER of sequences too long for the gap recursion: extrapolated with a stated error, or bracketed for certain.

A long sequence succeeds segment by segment: 1 − SER(L) ≈ C·λᴸ, and the ratio of neighbouring lengths reaches λ
geometrically fast in a chain that mixes (docs/theory.md §3). One pass gives 1 − SER at all lengths up to a depth D, and

    1 − SER(L) = (1 − SER(D)) · λ^{L−D}.

The error is estimated from the drift of the ratio over the last lengths: its steps shrink by a factor θ each, so what
is still to come is a geometric series. A fast part of the drift may hide a slow one, so θ is no less than the second
eigenvalue modulus of the chain, by which it forgets. That is an estimate, not a bound.

A certified bracket is another matter: at revealed fraction t a gap of more than ln(tol)/ln(1 − t) positions is rare, so
longer ones need not be followed; filling them once with failure and once with success encloses the SER.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy.sparse.csgraph import connected_components
from torch import Tensor

from languages import Language, NGramLanguage
from languages.checks import check_count, check_fraction
from languages.estimate import Estimate
from languages.reveals import masked_shares, reveal_probabilities
from mdmtheory.exact.markov.cost import recursion_work
from mdmtheory.exact.markov.gaps import GapLaw, check_chain
from mdmtheory.exact.markov.recursion import advance, completed, step_hazards
from mdmtheory.exact.markov.sequence_errors import OTHERWISE, success_curve

DEPTHS = (24, 36, 54, 80)
"""Depths tried one after the other, until the stated error is small enough."""
WORK = 3e10
"""Multiply–adds beyond which no greater depth is tried: a few seconds of one core."""
WINDOW = 5
"""Lengths in each of the two windows from which the drift and its decay are read."""
LONGEST_PERIOD = 6
"""Ratios over up to this many lengths are tried: the success of a periodic chain alternates."""
ROUNDING = 4e-15
"""Error of a log-ratio from rounding alone."""
SAFETY = 3.0
"""Factor on the estimated error."""
SLOW = 0.9
"""A chain that keeps more than this from token to token may drift for long below rounding."""
MOST_EIGENVALUES = 1024
"""Tokens up to which all eigenvalues are computed."""


@dataclasses.dataclass(frozen=True)
class _Tail:
    """How log(1 − SER) goes on beyond the depth.

    Attributes:
        curve: (D,) log(1 − SER) at lengths 1 … D.
        period: Lengths over which the ratio is taken.
        rate: Log-ratio for each length.
        drift: Largest recent step of the rate.
        decay: Factor by which the steps shrink from one length to the next, at most one.
    """

    curve: NDArray[np.float64]
    period: int
    rate: float
    drift: float
    decay: float

    def error(self, lengths: int) -> float:
        """Estimated error of the log-success that many lengths beyond the depth: the drift that is still to come.

        Σ_{k≤n} (n − k + 1) drift·θᵏ, times a safety factor, and rounding.
        """
        k = np.arange(1, lengths + 1)
        with np.errstate(under="ignore"):
            pending = float(((lengths - k + 1) * self.decay**k).sum()) if self.drift > 0 else 0.0
        return SAFETY * self.drift * pending + ROUNDING * lengths

    def log_success(self, length: int) -> float:
        """Log(1 − SER) at a length beyond the depth."""
        depth = len(self.curve)
        periods = math.ceil((length - depth) / self.period)
        return float(self.curve[length - periods * self.period - 1]) + periods * self.period * self.rate


def extrapolated_sequence_error_rate(
    language: Language, length: int, reveal: object, *, tolerance: float = 1e-6
) -> Estimate:
    """SER of the marginal law at any length: exact where short, else extrapolated with a stated error.

    The gap recursion runs to a depth of 24 lengths, and deeper (up to 80) while the stated error exceeds the tolerance
    and the work stays within a few seconds. Where even that does not do, because the chain mixes slowly, or where the
    drift says little, because the chain is reducible, the certified bracket takes over if its work is as small; else
    the extrapolation with the smallest stated error is returned.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.
        tolerance: Half-width of the interval that is small enough.

    Returns:
        Method "exact" up to the depth; "extrapolated", with an interval from the drift of the ratio of neighbouring
        lengths over the last ten of them (an estimate of the error, no bound); or "bound".

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    length, tolerance = check_count("length", length), check_fraction("tolerance", tolerance)
    steps = len(step_hazards(reveal))
    chain = check_chain(language, OTHERWISE)
    memory = _memory(chain)
    best: Estimate | None = None
    for depth in DEPTHS:
        if best is not None and recursion_work(chain.vocab_size, depth, steps) > WORK:
            break
        success = success_curve(chain, min(depth, length), reveal).cpu().numpy()
        if length <= depth:
            return Estimate.exact(1 - float(success[-1]), law="marginal", unit="probability")
        found = _extrapolate(success, length, memory)
        if best is None or found.high - found.low < best.high - best.low:
            best = found
        if best.high - best.low <= 2 * tolerance and _irreducible(chain):
            return best
    assert best is not None
    rare = tolerance / (length * steps)
    if rare > 0:
        gaps = _longest_gaps(reveal, length, rare)[1:]
        if 2 * sum(recursion_work(chain.vocab_size, gap) for gap in gaps) <= WORK:
            return sequence_error_bracket(chain, length, reveal, tolerance=rare)
    return best


def error_exponent(language: Language, reveal: object, *, depth: int = 36) -> Estimate:
    """Error exponent −ln λ in nats a token: 1 − SER(L) ≈ C·λᴸ for long sequences under the same reveal probabilities.

    Uniform grids have −ln λ_N = κ/N + O(1/N²) in an irreducible aperiodic chain (docs/theory.md §3, [D]).

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.
        depth: Lengths from which it is extrapolated, at least 20.

    Returns:
        Method "extrapolated": the interval comes from the drift of the ratio of neighbouring lengths.

    Raises:
        ValueError: Another kind of language, or reveal probabilities that are none.
    """
    depth = check_count("depth", depth, least=20)
    chain = check_chain(language, OTHERWISE)
    tail = _tail(success_curve(chain, depth, reveal).cpu().numpy(), _memory(chain))
    pending = tail.drift * tail.decay / (1 - tail.decay) if tail.decay < 1 else math.inf
    error = SAFETY * pending + ROUNDING if tail.drift > 0 else ROUNDING
    return Estimate(-tail.rate, max(0.0, -tail.rate - error), -tail.rate + error, "extrapolated", "marginal", "nats")


def sequence_error_bracket(language: Language, length: int, reveal: object, *, tolerance: float = 1e-9) -> Estimate:
    """Certified bracket of the SER of the marginal law, at a fraction of the cost of the exact value.

    Before step k a share 1 − t_{k−1} is masked; gaps longer than ln(tolerance)/ln(1 − t_{k−1}) are not followed but
    filled with failure for the upper end and with success for the lower one. Every weight of the recursion is
    non-negative, so the truth lies between, up to rounding; the width is at most about N·L·tolerance.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2), slow mixing or not.
        length: L ≥ 1.
        reveal: (N,) reveal probabilities w_k, zeros allowed, summing to one.
        tolerance: Probability below which a gap at a given place is too long to be followed, in (0, 1).

    Raises:
        ValueError: Another kind of language, reveal probabilities that are none, or sizes that do not fit in memory.
    """
    length = check_count("length", length)
    longest = _longest_gaps(reveal, length, tolerance)
    law = GapLaw(check_chain(language, OTHERWISE), length)
    steps = step_hazards(reveal)
    if bool(law.possible().all()):
        return Estimate.bracket(0.0, 0.0, law="marginal", unit="probability")
    success = []
    for filling in (0.0, 1.0):
        values = completed(law, longest[-1])
        for hazard, gap in zip(reversed(steps[1:]), reversed(longest[1:]), strict=True):
            values = advance(law, _extended(values, gap, filling), hazard)
        values = advance(law, _extended(values, length, filling), steps[0], ends=True)
        success.append(min(1.0, float(values[-1, 0, 0])))
    return Estimate.bracket(1 - success[1], 1 - success[0], law="marginal", unit="probability")


def _extended(values: Float[Tensor, "G+1 V+1 V+1"], gap: int, filling: float) -> Float[Tensor, "D+1 V+1 V+1"]:
    """Values of gaps up to `gap` positions, those that are missing filled in."""
    return torch.cat([values, values.new_full((gap + 1 - len(values), *values.shape[1:]), filling)])


def _irreducible(language: NGramLanguage) -> bool:
    """Whether every token that occurs leads to every other: else a class of tokens may take over only far out."""
    start, transition = language.first_order()
    occurs = ((start > 0) | (transition > 0).any(0)).cpu().numpy()
    pattern = (transition > 0).cpu().numpy()[occurs][:, occurs]
    return int(connected_components(pattern, connection="strong")[0]) == 1


def _memory(language: NGramLanguage) -> float:
    """Second largest eigenvalue modulus, the phase of a periodic chain apart: what it keeps from token to token."""
    start, transition = language.first_order()
    occurs = ((start > 0) | (transition > 0).any(0)).cpu()
    if int(occurs.sum()) > MOST_EIGENVALUES:
        return 0.0
    moduli = np.abs(np.linalg.eigvals(transition.cpu()[occurs][:, occurs].numpy()))
    return float(moduli[moduli < 1 - 1e-12].max(initial=0.0))


def _longest_gaps(reveal: object, length: int, tolerance: float) -> list[int]:
    """The longest gap that is followed from each step with w_k > 0 on."""
    if not 0 < tolerance < 1:
        raise ValueError(f"tolerance must lie strictly between 0 and 1, got {tolerance!r}")
    weights = reveal_probabilities(reveal)  # type: ignore[arg-type]
    shares = masked_shares(weights[weights > 0]).tolist()
    return [length, *(min(length, math.ceil(math.log(tolerance) / math.log(share))) for share in shares[1:])]


def _extrapolate(success: NDArray[np.float64], length: int, memory: float = 0.0) -> Estimate:
    """SER at a length beyond the depth of the success curve."""
    if success[-1] == 0:
        # Below the range of floats at the depth, so all the more beyond it.
        return Estimate(1.0, 1.0, 1.0, "extrapolated", "marginal", "probability")
    tail = _tail(success, memory)
    value, error = tail.log_success(length), tail.error(length - len(success))
    # The modulus, for −expm1(0) is −0.
    low, high = (abs(math.expm1(min(0.0, end))) for end in (value + error, value - error))
    return Estimate(abs(math.expm1(min(0.0, value))), low, high, "extrapolated", "marginal", "probability")


def _tail(success: NDArray[np.float64], memory: float) -> _Tail:
    """The tail whose drift is smallest, over the periods tried."""
    with np.errstate(divide="ignore"):
        curve = np.log(success)
    fits = (_fitted(curve, period, memory) for period in range(1, LONGEST_PERIOD + 1))
    return min(fits, key=lambda tail: tail.error(len(curve)))


def _fitted(curve: NDArray[np.float64], period: int, memory: float) -> _Tail:
    """Rate, drift and decay from the last lengths."""
    rates = (curve[period:] - curve[:-period]) / period
    steps = np.abs(np.diff(rates[-2 * WINDOW - 1 :]))
    earlier, recent = float(steps[:WINDOW].max()), float(steps[WINDOW:].max())
    if recent <= ROUNDING:
        # What drifts by less than rounding, but for long, adds up.
        return _Tail(curve, period, float(rates[-1]), ROUNDING if memory > SLOW else 0.0, memory)
    decay = min(1.0, (recent / earlier) ** (1 / WINDOW)) if earlier > 0 else 1.0
    return _Tail(curve, period, float(rates[-1]), recent, max(decay, memory))
