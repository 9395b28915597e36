"""Sorted strings of one length, stored as a tree of prefixes: no code outgrows 63 bits, whatever V and the length."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterable, Sequence

import numpy as np
from jaxtyping import Bool, Int
from numpy.typing import NDArray

IntArray = NDArray[np.int64]

TABLE_SHARE = 2
"""Codes are ranked through a table of all possible ones where those are at most this many times as many."""


@dataclasses.dataclass(frozen=True)
class StringTree:
    """A set of strings of H tokens in lexicographic order, as the tree of their prefixes.

    A prefix of k tokens is known by its rank among all prefixes of k tokens, and coded as (rank of the first k − 1) · V
    + last token. Base-V codes of whole strings would need H·log₂ V bits; these need log₂(number of strings) + log₂ V.

    Attributes:
        vocab_size: V.
        levels: H arrays; levels[k] holds the sorted codes of the prefixes of k + 1 tokens, the last one the strings.
    """

    vocab_size: int
    levels: tuple[IntArray, ...]

    @classmethod
    def from_columns(cls, columns: Iterable[IntArray], vocab_size: int) -> tuple[StringTree, IntArray]:
        """The distinct strings among K, given by their first tokens (K,), their second ones …, and the rank of each."""
        levels: list[IntArray] = []
        rank: IntArray = np.zeros(1, dtype=np.int64)
        for tokens in columns:
            bound = vocab_size * (len(levels[-1]) if levels else 1)
            codes, rank = _ranked(rank.astype(np.int64) * vocab_size + tokens, bound)
            levels.append(codes)
        return cls(vocab_size, tuple(levels)), rank

    @classmethod
    def from_codes(cls, codes: Int[np.ndarray, " K"], length: int, vocab_size: int) -> StringTree:
        """The strings whose base-V codes, oldest token first, are the sorted `codes`; V^length must fit in 62 bits."""
        levels: list[IntArray] = []
        prefixes = codes
        for _ in range(length):
            parents = prefixes // vocab_size
            first = np.ones(len(parents), dtype=bool)
            np.not_equal(parents[1:], parents[:-1], out=first[1:])
            levels.append((np.cumsum(first) - 1) * vocab_size + prefixes % vocab_size)
            prefixes = parents[first]
        return cls(vocab_size, tuple(reversed(levels)))

    @property
    def length(self) -> int:
        """H."""
        return len(self.levels)

    def count(self, depth: int) -> int:
        """Number of prefixes of `depth` tokens."""
        return len(self.levels[depth - 1]) if depth else 1

    def children(self, depth: int, parents: IntArray, tokens: IntArray) -> IntArray:
        """Rank of each prefix of `depth` tokens continued by a token; −1 where there is none, or no such parent."""
        codes = parents * self.vocab_size + tokens
        if self.count(depth + 1) == self.count(depth) * self.vocab_size:
            return np.where(parents >= 0, codes, -1)
        return rank_of(self.levels[depth], codes)

    def tails(self) -> IntArray:
        """Rank of each string without its first token among the prefixes of H − 1 tokens; −1 where it is none."""
        tails = np.zeros(self.count(1), dtype=np.int64)
        for depth in range(1, self.length):
            parents, tokens = np.divmod(self.levels[depth], self.vocab_size)
            tails = self.children(depth - 1, tails[parents], tokens)
        return tails

    def rank(self, strings: Int[np.ndarray, "K H"]) -> Int[np.ndarray, " K"]:
        """Rank of each string; −1 where absent."""
        ranks = np.zeros(len(strings), dtype=np.int64)
        for depth, tokens in enumerate(strings.T):
            ranks = self.children(depth, ranks, tokens)
        return ranks

    def strings(self, ranks: Int[np.ndarray, " K"] | Sequence[int]) -> Int[np.ndarray, "K H"]:
        """The strings of these ranks."""
        ranks = np.asarray(ranks, dtype=np.int64)
        result = np.empty((len(ranks), self.length), dtype=np.int64)
        for depth in reversed(range(self.length)):
            ranks, result[:, depth] = np.divmod(self.levels[depth][ranks], self.vocab_size)
        return result

    def only(self, keep: Bool[np.ndarray, " K"]) -> StringTree:
        """The tree of the strings that `keep` picks, at least one."""
        levels: list[IntArray] = []
        for depth in reversed(range(self.length)):
            parents, tokens = np.divmod(self.levels[depth][keep], self.vocab_size)
            keep = np.zeros(self.count(depth), dtype=bool)
            keep[parents] = True
            levels.append((np.cumsum(keep) - 1)[parents] * self.vocab_size + tokens)
        return StringTree(self.vocab_size, tuple(reversed(levels)))

    @functools.cached_property
    def nodes(self) -> tuple[IntArray, IntArray]:
        """All prefixes as one list, shortest first, node 0 the empty one: first child (N + 1,), last token (N,)."""
        counts = np.array([self.count(depth) for depth in range(self.length + 1)])
        first_node = np.concatenate([[0], np.cumsum(counts)])
        last = np.concatenate([[-1], *(level % self.vocab_size for level in self.levels)])
        first_child = np.full(len(last) + 1, len(last))  # a string of H tokens has no children
        for depth, level in enumerate(self.levels):
            parents = np.arange(counts[depth])
            begin, end = first_node[depth], first_node[depth + 1]
            first_child[begin:end] = first_node[depth + 1] + np.searchsorted(level, parents * self.vocab_size)
        return first_child, last


def rank_of(codes: IntArray, wanted: IntArray) -> IntArray:
    """Index of each wanted code in the sorted array `codes`, −1 where absent."""
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)


def _ranked(codes: IntArray, bound: int) -> tuple[IntArray, IntArray]:
    """The distinct codes, all below `bound`, sorted, and the rank of each code among them."""
    if bound > TABLE_SHARE * len(codes):
        return np.unique(codes, return_inverse=True)
    present = np.zeros(bound, dtype=bool)
    present[codes] = True
    place: NDArray[np.int32 | np.int64] = np.zeros(bound, dtype=np.int32 if bound < 2**31 else np.int64)
    distinct = np.flatnonzero(present)
    place[distinct] = np.arange(len(distinct))
    return distinct, place[codes].astype(np.int64)
