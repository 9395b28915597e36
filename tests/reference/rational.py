"""Laws in exact rational arithmetic: nothing rounds and nothing underflows. Shares no code with the package."""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from fractions import Fraction

import numpy as np


class Rational:
    """Moves from state to state, each with a token and a probability; `start` is where a sequence begins.

    Args:
        moves: For each state a list of (next state, token, probability).
        start: The first state.
        vocab_size: Number of tokens; this id marks a hole.
    """

    def __init__(self, moves, start, vocab_size):
        self.moves, self.start, self.vocab_size = moves, start, vocab_size

    def prob(self, row) -> Fraction:
        """Probability of the revealed tokens of a row."""
        law = {self.start: Fraction(1)}
        for token in row:
            following = defaultdict(Fraction)
            for state, weight in law.items():
                for target, emitted, p in self.moves[state]:
                    if token in (emitted, self.vocab_size):
                        following[target] += weight * p
            law = following
        return sum(law.values(), Fraction(0))

    def log_prob(self, row) -> float:
        return log(self.prob(row))

    def log_conditional(self, row, i) -> np.ndarray:
        """(V,) log-law of position i given the revealed tokens elsewhere."""
        joint = [self.prob([*row[:i], v, *row[i + 1 :]]) for v in range(self.vocab_size)]
        return np.array([log(p) - log(sum(joint)) for p in joint])


def log(value: Fraction) -> float:
    return math.log(value.numerator) - math.log(value.denominator) if value else -math.inf


def ngram(transition, initial) -> Rational:
    """From dense arrays; a state is the history, cut to n − 1 tokens."""
    transition, initial = np.asarray(transition), np.asarray(initial)
    memory, tokens = initial.ndim, range(transition.shape[-1])
    moves = {}
    for depth in range(memory + 1):
        for history in itertools.product(tokens, repeat=depth):
            if depth == memory:
                probs = [Fraction(p) for p in transition[history]]
            else:
                inside = [sum(map(Fraction, initial[(*history, v)].reshape(-1).tolist())) for v in tokens]
                probs = [p / sum(inside) if sum(inside) else p for p in inside]
            moves[history] = [((*history, v)[-memory:], v, probs[v]) for v in tokens if probs[v]]
    return Rational(moves, (), len(tokens))


def hmm(initial, transition, emission) -> Rational:
    """From dense arrays; a state is the hidden state just left."""
    emission = np.asarray(emission)

    def moves(law):
        return [
            (s, v, Fraction(float(law[s])) * Fraction(float(emission[s, v])))
            for s in range(len(emission))
            for v in range(emission.shape[1])
            if law[s] and emission[s, v]
        ]

    table = {"start": moves(np.asarray(initial)), **{s: moves(row) for s, row in enumerate(np.asarray(transition))}}
    return Rational(table, "start", emission.shape[1])
