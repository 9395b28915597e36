"""Conflicts inside the gaps of a first-order chain, summed over all positions: the kernel of the conflict curve.

Two hidden tokens are dependent only if no revealed one lies between them. In a gap between a revealed a and a revealed
b at distance D, the token at distance l from a has the law u_l(c) = Pˡ(a, c) P^{D−l}(c, b) / P^D(a, b), and the pair
(c at l, c' at l + n) is impossible exactly where Pⁿ(c, c') = 0. The start of the sequence stands for a as an extra row,
and a factor one for a missing b. The inner sum does not depend on where the gap lies:

    E_D(a, b) = Σ_n Σ_{(c,c'): Pⁿ(c,c')=0} Σ_l u_l(c) u_{l+n}(c').

The patterns of Pⁿ are eventually periodic. Each pattern before the period is one value of n; in the period one pattern
stands for every n ≡ r, and the sum over them is a running sum over l.
"""

from __future__ import annotations

import numba
import numpy as np
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray

from languages.compilation import compiled

LEAST_WEIGHT = 1e-120
"""A gap rarer than this adds less than L² times it, far below rounding; its powers may have underflowed."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def gap_conflicts(
    start: Float[np.ndarray, " V"], transition: Float[np.ndarray, "V V"], length: int
) -> tuple[Float[np.ndarray, " L+2"], Float[np.ndarray, " L+2"], float]:
    """Expected conflicts in gaps of each width D (between ends D apart), gaps weighted by their chance given the ends.

    Args:
        start: (V,) law of the first token.
        transition: (V, V), zero rows for tokens that are never reached.
        length: L ≥ 2.

    Returns:
        (L + 2,) Σ over places of a gap between two revealed positions, by D; (L + 2,) the same between an end of the
        sequence and a revealed position; and the conflicts of the sequence as a whole.
    """
    vocab_size = len(start)
    reached = (transition > 0).any(0) | (start > 0)
    left = np.empty((vocab_size + 1, vocab_size, length + 1))  # (a, c, d − 1)
    right = np.ones((vocab_size + 1, vocab_size, length + 1))  # (b, c, L + 1 − d)
    power, forward = np.concatenate([transition, start[None]]), np.array(transition)
    for distance in range(1, length + 2):
        left[:, :, distance - 1] = power
        right[:-1, :, length + 1 - distance] = forward.T
        power, forward = power @ transition, forward @ transition
    group_first, group_step, offsets, pairs = _zero_groups(transition > 0, reached, length)
    if not len(pairs):
        return np.zeros(length + 2), np.zeros(length + 2), 0.0
    return _sum_over_gaps(left, right, group_first, group_step, offsets, pairs)


def _zero_groups(
    pattern: Bool[np.ndarray, "V V"], reached: Bool[np.ndarray, " V"], length: int
) -> tuple[Int[np.ndarray, " G"], Int[np.ndarray, " G"], Int[np.ndarray, " G+1"], Int[np.ndarray, "Z 2"]]:
    """Distances n = first, first + step, … (step 0: the first alone) with one pattern of Pⁿ, and its zero pairs."""
    step, powers, seen = pattern.astype(np.float32), [pattern], {pattern.tobytes(): 1}
    period = 0
    while len(powers) < length - 1:
        following = powers[-1].astype(np.float32) @ step > 0
        key = following.tobytes()
        if key in seen:
            period = len(powers) + 1 - seen[key]
            break
        powers.append(following)
        seen[key] = len(powers)
    settled = len(powers) - period  # from here on patterns come again
    firsts, steps, zeros = [], [], []
    for number, possible in enumerate(powers, start=1):
        impossible = np.argwhere(~possible & reached[:, None] & reached)
        if len(impossible):
            firsts.append(number)
            steps.append(period if number > settled else 0)
            zeros.append(impossible)
    offsets = np.cumsum([0, *(len(pairs) for pairs in zeros)])
    listed = np.concatenate(zeros) if zeros else np.empty((0, 2), dtype=np.int64)
    return np.array(firsts, dtype=np.int64), np.array(steps, dtype=np.int64), offsets, listed


@compiled(nogil=True, fastmath={"reassoc", "contract"})
def _sum_over_gaps(
    left: FloatArray,
    right: FloatArray,
    group_first: IntArray,
    group_step: IntArray,
    offsets: IntArray,
    pairs: IntArray,
) -> tuple[FloatArray, FloatArray, float]:
    """See `gap_conflicts`."""
    vocab_size, length = left.shape[1], left.shape[2] - 1
    two_sided, one_sided, free = np.zeros(length + 2), np.zeros(length + 2), 0.0
    occupation = np.zeros((length + 1, vocab_size))  # expected visits to a in the first k positions
    for k in range(1, length + 1):
        occupation[k] = occupation[k - 1] + left[vocab_size, :, k - 1]
    law, running = np.empty((vocab_size, length + 1)), np.empty((vocab_size, length + 1))
    alive, summed = np.empty(vocab_size, dtype=np.bool_), np.empty(vocab_size, dtype=np.bool_)
    for width in range(3, length + 2):
        inside = width - 1  # hidden positions, l − 1 = 0 … inside − 1
        for a in range(vocab_size + 1):
            for b in range(vocab_size + 1):
                at_start, at_end = a == vocab_size, b == vocab_size
                if (at_start and at_end) != (width == length + 1):
                    continue
                reach = 1.0 if at_end else left[a, b, width - 1]
                if at_start:
                    weight = reach
                elif at_end:
                    weight = left[vocab_size, a, length - width]
                else:
                    weight = reach * occupation[length - width, a]
                if weight < LEAST_WEIGHT or reach < LEAST_WEIGHT:
                    continue
                for c in range(vocab_size):
                    alive[c] = _product(left[a, c], right[b, c, length + 2 - width :], 1.0 / reach, law[c, :inside])
                total = 0.0
                for group in range(len(group_first)):
                    first, step = group_first[group], group_step[group]
                    if first >= inside:
                        continue
                    summed[:] = False
                    for pair in range(offsets[group], offsets[group + 1]):
                        c, d = pairs[pair, 0], pairs[pair, 1]
                        if not (alive[c] and alive[d]):
                            continue
                        earlier = law[c]
                        if step > 0:
                            earlier = running[c]
                            if not summed[c]:
                                for l in range(inside - first):
                                    earlier[l] = law[c, l] + (earlier[l - step] if l >= step else 0.0)
                                summed[c] = True
                        total += _dot(earlier, law[d, first:inside])
                if at_start and at_end:
                    free = total
                elif at_start or at_end:
                    one_sided[width] += weight * total
                else:
                    two_sided[width] += weight * total
    return two_sided, one_sided, free


@numba.njit(nogil=True, fastmath={"reassoc", "contract"})
def _product(left: FloatArray, right: FloatArray, scale: float, result: FloatArray) -> bool:
    """Put left · right · scale into `result`, and say whether any of it is positive."""
    some = 0.0
    for l in range(len(result)):
        result[l] = left[l] * right[l] * scale
        some += result[l]
    return some > 0.0


@numba.njit(nogil=True, fastmath={"reassoc", "contract"})
def _dot(earlier: FloatArray, later: FloatArray) -> float:
    """Σ_l earlier(l) later(l)."""
    total = 0.0
    for l in range(len(later)):
        total += earlier[l] * later[l]
    return total
