"""Entropies along what an observer of a hidden Markov model believes: exact where few beliefs are met, and sampled.

The entropy of a sequence is the sum over positions of the mean entropy of the next token, given the tokens before it.
"""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.entropy import row_entropies
from languages.inference.beliefs import Beliefs

MOST_BELIEFS = 4096
"""Beliefs of an exact calculation; an HMM whose observers may hold more has bounds and estimates only."""


def belief_entropy(
    initial: Float[np.ndarray, " S"],
    transition: Float[np.ndarray, "S S"],
    emission: Float[np.ndarray, "S V"],
    length: int,
) -> float | None:
    """Exact entropy of the tokens at a length, nats; None where observers may hold more than `MOST_BELIEFS` beliefs.

    They hold few at every length if they can hold finitely many, as for copy pairs, and at small ones else.

    Args:
        initial: (S,) law of the first state.
        transition: (S, S) rows of next-state probabilities.
        emission: (S, V) rows of token probabilities.
        length: L ≥ 1.
    """
    beliefs, total = Beliefs(np.ones(1), initial[None]), 0.0
    for position in range(length):
        total += beliefs.next_entropy(emission)
        if position + 1 < length:
            # The limit of the merger is out of reach, so that equal beliefs alone are merged.
            beliefs, _ = beliefs.advanced(transition, emission).merged(10 * MOST_BELIEFS)
            if len(beliefs.weight) > MOST_BELIEFS:
                return None
    return total


def predictive_entropies(
    belief: Float[Tensor, "B S"],
    transition: Float[Tensor, "S S"],
    emission: Float[Tensor, "S V"],
    tokens: Int[Tensor, "B L"],
) -> Float[Tensor, "B L"]:
    """H(X_n | what came before) along each row, nats.

    Args:
        belief: (B, S) law of the first state of each row.
        transition: (S, S) rows of next-state probabilities.
        emission: (S, V) rows of token probabilities.
        tokens: (B, L) without holes, possible under the belief.
    """
    result = torch.empty(tokens.shape, dtype=torch.float64, device=tokens.device)
    emits = emission.T.contiguous()
    for position in range(tokens.shape[1]):
        law = belief @ emission
        result[:, position] = row_entropies(law)
        joint = belief * emits[tokens[:, position]]
        belief = (joint / joint.sum(1, keepdim=True)) @ transition
    return result
