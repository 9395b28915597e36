"""Exact SER of a few fixed sizes on first-order chains: the gap recursion at roots of unity.

With weights z_k in place of reveal probabilities and 1 in place of what stays masked, the gap recursion gives the
polynomial ([D])

    G(z) = Σ_s L!/(s_1! … s_N!) (1 − SER(s)) z_1^{s_1} … z_N^{s_N},      Σ_k s_k = L,

in which fixed sizes are single terms. It is homogeneous, so z_N may stay fixed; the first step reveals s_1 positions of
the whole sequence, one after the other from left to right; and the power of z_2, …, z_{N−1} is read off by discrete
Fourier transforms on circles of radius s_k/L, where the term is among the largest: nothing is lost to cancellation.
Gaps at step k are no longer than the s_k + … + s_N positions then masked.
"""

from __future__ import annotations

import cmath
import math

import torch
from torch import Tensor

from languages import Language
from languages.checks import check_count
from mdmtheory.exact.markov.cost import recursion_work
from mdmtheory.exact.markov.gaps import GapLaw, check_chain
from mdmtheory.exact.markov.recursion import advance, completed, stacked

COMPLEX = 100
"""Real multiply–adds of the long products that a complex one of the short products here takes, measured."""
PASS = 1.4e8
"""The same of a pass over the gaps beside its products: about a millisecond."""


def fixed_size_sequence_error_rate(language: Language, length: int, sizes: tuple[int, ...]) -> float:
    """Exact SER of the marginal law where step k reveals exactly s_k uniformly chosen positions.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2).
        length: L = Σ s_k.
        sizes: s_1, …, s_N; zeros are left out. `fixed_size_work` says what they cost.

    Raises:
        ValueError: Another kind of language, sizes that do not sum to L, or what does not fit in memory.
    """
    length, sizes = check_count("length", length), tuple(size for size in sizes if size > 0)
    if sum(sizes) != length:
        raise ValueError(f"sizes sum to {sum(sizes)}, but the length is {length}")
    chain = check_chain(language, "mdmtheory.exact.enumeration.law serves any language where V^L is small")
    law = GapLaw(chain, length)
    if len(sizes) == length or bool(law.possible().all()):
        return 0.0
    values = completed(law, length)
    if len(sizes) > 1:
        values = advance(law, completed(law, sizes[-1]), sizes[-1] / length, free=True)
    log_ways = math.lgamma(length + 1) - sum(math.lgamma(size + 1) + size * math.log(length / size) for size in sizes)
    success = _term(law, values, sizes[:-1] if len(sizes) > 1 else sizes).real
    return min(1.0, max(0.0, 1 - success / math.exp(log_ways)))


def fixed_size_work(vocab_size: int, sizes: tuple[int, ...]) -> float:
    """Multiply–adds of `fixed_size_sequence_error_rate`: one pass over the gaps for two sizes, each more takes L."""
    sizes = tuple(size for size in sizes if size > 0)
    length, work, passes = sum(sizes), recursion_work(vocab_size, sizes[-1]) + PASS, 1.0
    for step in range(len(sizes) - 2, 0, -1):
        passes *= length / 2 if passes == 1 else length
        work += passes * (COMPLEX * recursion_work(vocab_size, sum(sizes[step:])) + PASS)
    factor = COMPLEX if passes > 1 else 1
    return work + passes * factor * sizes[0] * (length * vocab_size) ** 2


def _term(law: GapLaw, values: Tensor, sizes: tuple[int, ...]) -> complex:
    """Coefficient of z_1^{s_1} … z_k^{s_k} in what k further steps make of V_{k+1}, times the radii to these powers.

    Args:
        law: The laws of masked tokens.
        values: (D + 1, V + 1, V + 1) V_{k+1}, with what has been fixed of z_{k+1}, …; real or complex.
        sizes: s_1, …, s_k.
    """
    *earlier, size = sizes
    length = law.longest
    values = torch.cat([values, values.new_zeros(max(0, size + 1), *values.shape[1:])])[: length + 1]
    if not earlier:
        return _first(law, values, size)
    points, total = length + 1, 0j
    real = not values.is_complex()  # then conjugate points have conjugate values
    for j in range(points // 2 + 1 if real else points):
        turn = 2j * cmath.pi * j / points
        weight = size / length * cmath.exp(turn)
        found = _term(law, advance(law, values.to(torch.complex128), weight, free=True), tuple(earlier))
        term = found * cmath.exp(-turn * size) / points
        total += 2 * term.real if real and 2 * j % points else term
    return total


def _first(law: GapLaw, values: Tensor, size: int) -> complex:
    """The first step: W_n(i, x), the weight of "the n-th position revealed is i, with value x", for n = 1 … s_1.

    W_n(i, x) = (s_1/L) m_i(x) Σ_{j<i, y} W_{n−1}(j, y) U(i − j − 1, y, x).
    """
    length = law.longest
    alone = (size / length * law(length, length, ends=True)[0, 0, 0]).reshape(-1).to(values.dtype)
    weights = alone * values[:length, -1, :-1].reshape(-1)
    if size > 1:
        between = stacked(values, length, slice(0, length))
        for _ in range(size - 1):
            weights = alone * (weights @ between)
    behind = values[:length, :-1, -1].flip(0).reshape(-1)
    return complex(weights @ behind)
