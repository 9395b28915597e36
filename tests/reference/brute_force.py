"""Reference laws by enumeration, written from the definitions and sharing no code with the package."""

from __future__ import annotations

import itertools
import math

import numpy as np


def sequences(vocab_size: int, length: int) -> np.ndarray:
    """(V^L, L) every sequence."""
    return np.array(list(itertools.product(range(vocab_size), repeat=length)), dtype=np.int64)


class BruteNGram:
    """An n-gram by its dense tensors; prefix laws are sums of the initial tensor."""

    def __init__(self, transition, initial, parent=None):
        self.transition, self.initial, self.parent = np.asarray(transition), np.asarray(initial), parent
        self.order, self.vocab_size = self.transition.ndim, self.transition.shape[-1]

    def factor(self, row, position):
        """q(row[position] | the tokens before it); zero where the history has probability zero."""
        memory = self.order - 1
        if position < memory:

            def prefix(k):
                return self.initial[tuple(row[:k])].sum() if k else 1.0

            return prefix(position + 1) / prefix(position) if prefix(position) > 0 else 0.0
        return self.transition[tuple(row[position - memory : position + 1])]

    def prob(self, row):
        return math.prod(self.factor(row, i) for i in range(len(row)))

    def reachable(self, length=12):
        """Contexts of n − 1 tokens that some sequence reaches."""
        memory = self.order - 1
        frontier = {c for c in itertools.product(range(self.vocab_size), repeat=memory) if self.initial[c] > 0}
        seen = set(frontier)
        while frontier:
            frontier = {
                (*c, v)[1:] for c in frontier for v in range(self.vocab_size) if self.transition[(*c, v)] > 0
            } - seen
            seen |= frontier
        return seen

    def conditional(self, row, i):
        """(law of hidden position i, dead?) by the segment rule, enumerating the fillings of its segment."""
        memory, mask, length = self.order - 1, self.vocab_size, len(row)

        def known(j):
            return all(row[k] != mask for k in range(max(0, j - memory + 1), j + 1)) if memory else True

        begin, end = i, i
        if memory == 0:
            return self.transition.copy(), False
        while begin > 0 and not known(begin - 1):
            begin -= 1
        while end < length - 1 and not known(end):
            end += 1
        holes = [k for k in range(begin, end + 1) if row[k] == mask]
        law = np.zeros(self.vocab_size)
        context_alive = begin < memory or tuple(row[begin - memory : begin]) in self.reachable()
        if begin < memory:
            context_alive = all(self.factor(row, k) > 0 for k in range(begin))
        if context_alive:
            for fill in itertools.product(range(self.vocab_size), repeat=len(holes)):
                filled = list(row)
                for k, v in zip(holes, fill, strict=True):
                    filled[k] = v
                law[filled[i]] += math.prod(self.factor(filled, k) for k in range(begin, end + 1))
        if law.sum() > 0:
            return law / law.sum(), False
        if self.parent is not None:
            return self.parent.conditional(row, i)[0], True
        return np.full(self.vocab_size, 1 / self.vocab_size), True


class BruteHMM:
    """A hidden Markov model by sums over hidden paths."""

    def __init__(self, initial, transition, emission, parent=None):
        self.initial, self.transition, self.emission = map(np.asarray, (initial, transition, emission))
        self.vocab_size, self.parent = self.emission.shape[1], parent

    def prob(self, row):
        """Probability of the revealed tokens, holes summed out."""
        total = 0.0
        for path in itertools.product(range(len(self.initial)), repeat=len(row)):
            p = self.initial[path[0]]
            for a, b in itertools.pairwise(path):
                p *= self.transition[a, b]
            for s, v in zip(path, row, strict=True):
                p *= self.emission[s, v] if v < self.vocab_size else 1.0
            total += p
        return total

    def conditional(self, row, i):
        law = np.array([self.prob([*row[:i], v, *row[i + 1 :]]) for v in range(self.vocab_size)])
        if law.sum() > 0:
            return law / law.sum(), False
        if self.parent is not None:
            return self.parent.conditional(row, i)[0], True
        return np.full(self.vocab_size, 1 / self.vocab_size), True
