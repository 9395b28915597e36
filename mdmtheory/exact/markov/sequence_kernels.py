"""The gap recursion for one given sequence, compiled for the CPU.

Legend: positions 0 (start) … n − 1 (end), the tokens between them; s < t a gap whose ends are revealed; v(s, t) the
probability that the masked tokens between them come out as given, from the current step on; laws[s, i, t] the law of
the token at i given the ends of its gap. See `mdmtheory.exact.markov.log_probs`.
"""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import NDArray

from languages.compilation import compiled

FloatArray = NDArray[np.float64]


@compiled(nogil=True)
def log_laws(pairs: FloatArray, vocab_size: int, laws: FloatArray) -> None:
    """Log-law of each given token in each gap, by the segment convention.

    Args:
        pairs: (levels, n, n) log-probability of the token at t given that at s, s < t, for the language and its
            ancestors.
        vocab_size: V, for the uniform law where all of them find a gap impossible.
        laws: (n, n, n) to be filled at s < i < t.
    """
    levels, n, _ = pairs.shape
    for s in range(n):
        for t in range(s + 2, n):
            level = 0
            while level < levels and pairs[level, s, t] == -math.inf:
                level += 1
            for i in range(s + 1, t):
                if level == levels:
                    laws[s, i, t] = -math.log(vocab_size)
                else:
                    laws[s, i, t] = pairs[level, s, i] + pairs[level, i, t] - pairs[level, s, t]


@compiled(nogil=True, fastmath={"reassoc", "contract", "nsz"})
def linear_pass(laws: FloatArray, hazards: FloatArray, values: FloatArray) -> float:
    """Run all steps in linear weights; return the largest gap value met.

    Args:
        laws: (n, n, n) laws, divided by a factor of each position i.
        hazards: (N,) r_N, …, r_1, last step first.
        values: (n, n) overwritten with v_1(s, t), divided by the factors of the masked positions.
    """
    n = len(values)
    kept, weights, reached = np.zeros((n, n)), np.zeros((n, n)), np.empty(n)
    _complete(values, 0.0, 1.0)
    largest = 1.0
    for hazard in hazards:
        for s in range(n):
            factor = 1.0
            for t in range(s + 1, n):
                kept[t, s] = factor * values[s, t]
                factor *= 1.0 - hazard
        for s in range(n - 2):
            weights[s] = 1.0
            for i in range(s + 1, n):
                # All gaps (s, t) with t ≥ i at once: reached[t] = Σ_{s≤j<i} W_t(j) kept(j, i), four j at a time.
                reached[i:] = kept[i, s]
                j = s + 1
                while j + 4 <= i:
                    a, b, c, d = kept[i, j], kept[i, j + 1], kept[i, j + 2], kept[i, j + 3]
                    for t in range(i, n):
                        reached[t] += (
                            a * weights[j, t] + b * weights[j + 1, t] + c * weights[j + 2, t] + d * weights[j + 3, t]
                        )
                    j += 4
                while j < i:
                    for t in range(i, n):
                        reached[t] += kept[i, j] * weights[j, t]
                    j += 1
                if i > s + 1:
                    values[s, i] = reached[i]
                    largest = max(largest, reached[i])
                for t in range(i + 1, n):
                    weights[i, t] = hazard * laws[s, i, t] * reached[t]
    return largest


@compiled(nogil=True)
def logarithmic_pass(laws: FloatArray, hazards: FloatArray, values: FloatArray) -> None:
    """Run all steps in logs, where nothing underflows.

    Args:
        laws: (n, n, n) log-laws.
        hazards: (N,) r_N, …, r_1, last step first.
        values: (n, n) overwritten with log v_1(s, t).
    """
    n = len(values)
    kept, weights = np.full((n, n), -math.inf), np.empty(n)
    _complete(values, -math.inf, 0.0)
    for hazard in hazards:
        stays = math.log1p(-hazard) if hazard < 1.0 else -math.inf
        for s in range(n):
            for t in range(s + 1, n):
                kept[t, s] = values[s, t] + (stays * (t - s - 1) if t > s + 1 else 0.0)
        for s in range(n):
            weights[s] = 0.0
            for t in range(s + 2, n):
                for i in range(s + 1, t):
                    weights[i] = math.log(hazard) + laws[s, i, t] + _log_dot(weights[s:i], kept[i, s:i])
                values[s, t] = _log_dot(weights[s:t], kept[t, s:t])


@compiled(nogil=True)
def _complete(values: FloatArray, zero: float, one: float) -> None:
    """Gap values after the last step: one for an empty gap, zero for a masked one."""
    values[:] = zero
    for s in range(len(values) - 1):
        values[s, s + 1] = one


@compiled(nogil=True)
def _log_dot(a: FloatArray, b: FloatArray) -> float:
    """Log Σ exp(a + b)."""
    top = -math.inf
    for j in range(len(a)):
        top = max(top, a[j] + b[j])
    if top == -math.inf:
        return top
    total = 0.0
    for j in range(len(a)):
        total += math.exp(a[j] + b[j] - top)
    return top + math.log(total)
