"""The marginal law of a sampler by enumeration of reveal steps, from single conditionals alone.

The conditionals are those of `brute_force`, with the segment rule for contexts of probability zero; nothing is shared
with the package.
"""

from __future__ import annotations

import functools
import itertools
import math
from fractions import Fraction

import numpy as np
from reference.brute_force import sequences


def marginal_law(reference, length, weights) -> np.ndarray:
    """(V^L,) p(x) = Σ_τ P(τ) p(x | τ) under Bernoulli reveals, in the order of `sequences`.

    Args:
        reference: `BruteNGram` or `BruteHMM`.
        length: L.
        weights: Reveal probabilities w_k.
    """
    conditional = functools.cache(lambda context, i: reference.conditional(list(context), i)[0])
    words = sequences(reference.vocab_size, length).tolist()
    law = np.zeros(len(words))
    for tau in itertools.product([k for k, w in enumerate(weights) if w > 0], repeat=length):
        chance = math.prod(weights[k] for k in tau)
        law += [chance * given_steps(conditional, word, tau, reference.vocab_size) for word in words]
    return law


def fixed_law(reference, steps) -> np.ndarray:
    """(V^L,) p(x | τ) for one tuple of reveal steps, in the order of `sequences`."""
    conditional = functools.cache(lambda context, i: reference.conditional(list(context), i)[0])
    words = sequences(reference.vocab_size, len(steps)).tolist()
    return np.array([given_steps(conditional, word, steps, reference.vocab_size) for word in words])


def given_steps(conditional, word, steps, mask):
    """p(x | τ): the tokens of a step are drawn independently given those of earlier steps."""
    prob = 1
    for i, token in enumerate(word):
        context = tuple(v if step < steps[i] else mask for v, step in zip(word, steps, strict=True))
        prob = prob * conditional(context, i)[token]
        if prob == 0:
            break
    return prob


def rational_marginal(reference, word, weights) -> Fraction:
    """p(x) of one supported word in exact arithmetic.

    Args:
        reference: A `rational.Rational`.
        word: Tokens.
        weights: Reveal probabilities, exact in floats.
    """

    @functools.cache
    def conditional(context, i):
        joint = [reference.prob([*context[:i], v, *context[i + 1 :]]) for v in range(reference.vocab_size)]
        return [p / sum(joint) for p in joint]

    total = Fraction(0)
    for tau in itertools.product(range(len(weights)), repeat=len(word)):
        chance = math.prod(Fraction(weights[k]) for k in tau)
        total += chance * given_steps(conditional, list(word), tau, reference.vocab_size)
    return total


def joint(reference, length) -> np.ndarray:
    """(V^L,) q(x)."""
    return np.array([reference.prob(word) for word in sequences(reference.vocab_size, length)])
