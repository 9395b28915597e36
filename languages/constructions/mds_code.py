"""Maximum distance separable codes over prime fields: Reed–Solomon codes, parity checks."""

from __future__ import annotations

import itertools
import math

import numpy as np
from jaxtyping import Int

from languages.budget import check_budget
from languages.checks import check_count
from languages.constructions.block_forms import BlockForms
from languages.constructions.mds_forms import MDSForms
from languages.constructions.trellis import STATE_LIMIT, Section, blocks_from_trellis
from languages.hidden_markov import HMMLanguage

MOST_EDGES = 1e7
"""Edges of a trellis that are gone through: a few dozen seconds."""


def mds_code(field: int, length: int, dimension: int, *, name: str | None = None) -> HMMLanguage:
    """Independent blocks, each a uniform codeword of a Reed–Solomon code [n, k] over GF(p), as a hidden Markov model.

    Any k symbols of a word are free and determine the others, so Z_j = 1[j > k]·ln p within a block: the languages for
    which bounds by total correlation are tight. The words are the values of the polynomials of degree below k at the
    points 0, 1, …, and at infinity (the leading coefficient) if n = p + 1; above 2k = n they are the dual of the code
    [n, n − k], which is such a code too, up to a factor at each position. The minimal trellis has
    p^{min(i, k, n−k, n−i)} nodes behind position i. A length that is no multiple of n ends in the first symbols of a
    word.

    Args:
        field: p, a prime; also the vocabulary size.
        length: n ≤ p + 1 symbols of a codeword.
        dimension: k, 1 ≤ k ≤ n.
        name: What tables and legends call it.

    Raises:
        ValueError: Not a prime, no such code, or too many hidden states.
    """
    p, n, k = check_count("field", field, least=2), check_count("length", length), check_count("dimension", dimension)
    check_budget(f"a code over field={p}", "take a smaller field", operations=p, most=MOST_EDGES)
    if any(p % divisor == 0 for divisor in range(2, math.isqrt(p) + 1)):
        raise ValueError(f"field must be a prime, got {p}")
    if k > n:
        raise ValueError(f"dimension must be at most length={n}, got {k}")
    if n > p + 1:
        raise ValueError(
            f"length must be at most field + 1 = {p + 1} for a Reed–Solomon code, got {n}; parity_blocks and "
            "repeated_symbol are the codes of any length"
        )
    if (n - k) * k and p ** min(k, n - k) > STATE_LIMIT:
        raise ValueError(
            f"dimension={k} of length={n} over field={p} takes more than {p ** min(k, n - k)} hidden states, above "
            f"{STATE_LIMIT}; take a smaller field, or a dimension near 1 or the length"
        )
    check_budget(
        f"the trellis of field={p}, length={n}, dimension={k}",
        "take a smaller field or a shorter code",
        operations=float(n) * p ** (1 + min(k, n - k)),
        most=MOST_EDGES,
    )
    sections = word_trellis(_polynomials(p, n, k), p) if 2 * k <= n else check_trellis(_powers(p, n, n - k), p)
    return blocks_from_trellis(
        sections,
        p,
        name=name or f"mds:field={p},length={n},dimension={k}",
        closed_forms=BlockForms(MDSForms(p, k), n),
    )


def _powers(field: int, length: int, degree: int) -> Int[np.ndarray, "k n"]:
    """Powers α^0 … α^{k−1} of each point, infinity last."""
    powers = np.zeros((degree, length), dtype=np.int64)
    for power in range(degree):
        powers[power, :field] = [pow(point, power, field) for point in range(min(length, field))]
    powers[degree - 1 :, field:] = 1
    return powers


def _polynomials(field: int, length: int, degree: int) -> Int[np.ndarray, "W n"]:
    """Values of all polynomials of degree below k."""
    coefficients = np.array(list(itertools.product(range(field), repeat=degree)))
    return coefficients @ _powers(field, length, degree) % field


def word_trellis(words: Int[np.ndarray, "W n"], field: int) -> list[Section]:
    """Minimal trellis of a linear code given by all of its words, every word alike.

    The futures of two prefixes are the same or disjoint, so the least future of a prefix names its node.

    Args:
        words: (W, n) codewords over GF(field).
        field: p, a prime.
    """
    # Prefixes and suffixes go by their ranks, so that no number grows with the length.
    count, length = words.shape
    suffix = [np.zeros(count, dtype=np.int64)]
    for symbols in words.T[::-1]:
        suffix.append(np.unique(symbols * count + suffix[-1], return_inverse=True)[1])
    suffix.reverse()
    prefix, sections = np.zeros(count, dtype=np.int64), []
    before = np.zeros(count, dtype=np.int64)
    for position in range(length):
        prefix = np.unique(prefix * field + words[:, position], return_inverse=True)[1]
        least = np.full(prefix.max() + 1, count)
        np.minimum.at(least, prefix, suffix[position + 1])
        after = np.unique(least[prefix], return_inverse=True)[1]
        edges = np.unique(np.column_stack([before, words[:, position], after]), axis=0)
        source, token, target = edges.T
        sections.append(Section(source, token, target, 1 / np.bincount(source)[source]))
        before = after
    return sections


def check_trellis(checks: Int[np.ndarray, "r n"], field: int) -> list[Section]:
    """Minimal trellis of the linear code {x : checks · x = 0}, every word alike.

    A node is the partial syndrome of the symbols so far, kept if the word can be completed (Bahl, Cocke, Jelinek,
    Raviv 1974).

    Args:
        checks: (r, n) parity checks.
        field: p, a prime; p^r bounds the work.
    """
    length = checks.shape[1]
    symbols = range(field)

    def shifted(syndrome: tuple[int, ...], position: int, symbol: int) -> tuple[int, ...]:
        return tuple((s + symbol * int(c)) % field for s, c in zip(syndrome, checks[:, position], strict=True))

    zero = (0,) * len(checks)
    completable = [{zero}]
    for position in reversed(range(length)):
        completable.append({shifted(s, position, symbol) for s, symbol in itertools.product(completable[-1], symbols)})
    completable.reverse()
    sections, nodes = [], {zero: 0}
    for position in range(length):
        following: dict[tuple[int, ...], int] = {}
        edges = []
        for syndrome, node in nodes.items():
            targets = [(symbol, shifted(syndrome, position, symbol)) for symbol in symbols]
            targets = [(symbol, target) for symbol, target in targets if target in completable[position + 1]]
            for symbol, target in targets:
                edges.append((node, symbol, following.setdefault(target, len(following)), 1 / len(targets)))
        before, token, after, prob = (np.array(column) for column in zip(*edges, strict=True))
        sections.append(Section(before, token, after, prob))
        nodes = following
    return sections
