"""Noisy laws by enumeration, from the definitions and sharing no code with the package."""

from __future__ import annotations

import itertools
from functools import cached_property

import numpy as np
from scipy.linalg import expm


def rate_matrix(kind: str, vocab_size: int) -> np.ndarray:
    """SEDD's generator, rows: from. Uniform: 1/V to each token (staying included); absorb: to the last state."""
    if kind == "uniform":
        return np.full((vocab_size, vocab_size), 1 / vocab_size) - np.eye(vocab_size)
    matrix = np.zeros((vocab_size + 1, vocab_size + 1))
    matrix[:-1, :-1] = -np.eye(vocab_size)
    matrix[:-1, -1] = 1
    return matrix


def one_step(kind: str, vocab_size: int, keep: float) -> np.ndarray:
    """Transition matrix of one position whose total noise is −log(keep)."""
    if keep == 0:
        power = expm(rate_matrix(kind, vocab_size) * 60.0)  # e^{−60} is below rounding
        return np.where(power < 1e-20, 0.0, power)
    return expm(rate_matrix(kind, vocab_size) * -np.log(keep))


class NoisyLanguage:
    """A table q over V^L under noise, everything by sums over all clean and all noisy sequences.

    Args:
        table: (V,)*L probabilities.
        kind: "absorbing" or "uniform".
    """

    def __init__(self, table: np.ndarray, kind: str) -> None:
        self.table, self.kind = np.asarray(table, dtype=np.float64), kind
        self.vocab_size, self.length = self.table.shape[0], self.table.ndim
        self.num_states = self.vocab_size + (kind == "absorbing")

    @cached_property
    def clean(self) -> np.ndarray:
        return np.array(list(itertools.product(range(self.vocab_size), repeat=self.length)))

    @cached_property
    def noisy(self) -> np.ndarray:
        return np.array(list(itertools.product(range(self.num_states), repeat=self.length)))

    @property
    def probs(self) -> np.ndarray:
        """(V^L,) q of every clean sequence."""
        return self.table.reshape(-1)

    @property
    def entropy(self) -> float:
        positive = self.probs[self.probs > 0]
        return -float(positive @ np.log(positive))

    def likelihood(self, alpha: float) -> np.ndarray:
        """(V^L, n^L) q(x_t | x_0)."""
        step = one_step(self.kind, self.vocab_size, alpha)
        chance = np.ones((len(self.clean), len(self.noisy)))
        for i in range(self.length):
            chance *= step[np.ix_(self.clean[:, i], self.noisy[:, i])]
        return chance

    def law(self, alpha: float) -> np.ndarray:
        """(n^L,) p_t of every noisy sequence."""
        return self.probs @ self.likelihood(alpha)

    def posterior(self, alpha: float) -> np.ndarray:
        """(n^L, L, V) p(x_0^i | x_t); where x_t is impossible, uniform."""
        joint = self.probs[:, None] * self.likelihood(alpha)
        answer = np.zeros((len(self.noisy), self.length, self.vocab_size))
        for i in range(self.length):
            for v in range(self.vocab_size):
                answer[:, i, v] = joint[self.clean[:, i] == v].sum(0)
        total = answer.sum(-1, keepdims=True)
        return np.where(total > 0, answer / np.where(total > 0, total, 1), 1 / self.vocab_size)

    def scores(self, alpha: float) -> np.ndarray:
        """(n^L, L, n) p_t(x with y at i) / p_t(x), 1 where x is impossible."""
        law = self.law(alpha)
        places = self.num_states ** np.arange(self.length - 1, -1, -1)
        answer = np.ones((len(self.noisy), self.length, self.num_states))
        for i in range(self.length):
            for y in range(self.num_states):
                other = self.noisy.copy()
                other[:, i] = y
                answer[:, i, y] = np.where(law > 0, law[other @ places] / np.where(law > 0, law, 1), 1)
        return answer

    def reverse_step(self, alpha_from: float, alpha_to: float) -> np.ndarray:
        """(n^L, L, n) law of x_s^i given the whole of x_t, by Bayes on pairs of noisy sequences."""
        step = one_step(self.kind, self.vocab_size, alpha_from / alpha_to)
        chance = np.ones((len(self.noisy), len(self.noisy)))
        for i in range(self.length):
            chance *= step[np.ix_(self.noisy[:, i], self.noisy[:, i])]
        joint = self.law(alpha_to)[:, None] * chance
        answer = np.zeros((len(self.noisy), self.length, self.num_states))
        for i in range(self.length):
            for y in range(self.num_states):
                answer[:, i, y] = joint[self.noisy[:, i] == y].sum(0)
        total = answer.sum(-1, keepdims=True)
        return np.where(total > 0, answer / np.where(total > 0, total, 1), 0)


def random_table(vocab_size: int, length: int, seed: int, zeros: float = 0.0) -> np.ndarray:
    """A random law over V^L; a share of the sequences is impossible."""
    random = np.random.default_rng(seed)
    table = random.dirichlet(np.full(vocab_size**length, 0.7))
    table[random.random(len(table)) < zeros] = 0
    table[random.integers(len(table))] += 0.05
    return (table / table.sum()).reshape((vocab_size,) * length)
