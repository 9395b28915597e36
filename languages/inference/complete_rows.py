"""Log-probabilities of complete sequences of an n-gram: a table look-up for each token."""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.automata.walks import edges_allowed
from languages.compilation import compiled
from languages.inference.threads import over_rows

DENSE_LIMIT = 1 << 22
"""Contexts times tokens up to which a table says where each token leads; beyond, a context's edges are searched."""
INTERLEAVED = 8
"""Rows that advance together, so that one's look-up does not wait for another's."""


class TransitionTable:
    """Where each token leads from each context, and the log-probability.

    Args:
        automaton: The contexts, on the CPU.
    """

    def __init__(self, automaton: ContextAutomaton) -> None:
        self._offsets, self._token = automaton.offsets.numpy(), automaton.edge_token.numpy()
        self._target, self._log_prob = automaton.edge_target.numpy(), automaton.edge_log_prob[:-1].numpy()
        self._vocab_size = automaton.vocab_size
        # One context more than there are: where impossible sequences stay.
        size = automaton.num_contexts + 1
        self._next = np.empty(0, dtype=np.int32)
        self._score = np.empty(0)
        if size * automaton.vocab_size <= DENSE_LIMIT:
            place = (automaton.edge_source * automaton.vocab_size + automaton.edge_token).numpy()
            self._next = np.full(size * automaton.vocab_size, (size - 1) * automaton.vocab_size, dtype=np.int32)
            self._score = np.full(size * automaton.vocab_size, -math.inf)
            self._next[place], self._score[place] = self._target * automaton.vocab_size, self._log_prob

    def log_prob(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """Log-probability (nats) of complete sequences, −inf exactly where they are impossible."""
        result = torch.zeros(len(tokens), dtype=torch.float64)
        rows, scores = tokens.contiguous().numpy(), result.numpy()

        def walk(begin: int, end: int) -> None:
            if len(self._next):
                _walk_table(begin, end, rows, self._next, self._score, scores)
            else:
                _walk_edges(begin, end, rows, self._offsets, self._token, self._target, self._log_prob, scores)

        over_rows(walk, len(tokens), 3.0 * tokens.numel(), multiple=INTERLEAVED)
        return result


@compiled(nogil=True)
def _walk_table(
    begin: int,
    end: int,
    tokens: Int[np.ndarray, "B L"],
    following: NDArray[np.int32],
    score: Float[np.ndarray, " S*V"],
    result: Float[np.ndarray, " B"],
) -> None:
    state, total = np.empty(INTERLEAVED, dtype=np.int64), np.empty(INTERLEAVED)
    for row in range(begin, end, INTERLEAVED):
        rows = min(INTERLEAVED, end - row)
        for r in range(rows):
            state[r], total[r] = 0, 0.0
        for j in range(tokens.shape[1]):
            for r in range(rows):
                place = state[r] + tokens[row + r, j]
                total[r] += score[place]
                state[r] = following[place]
        for r in range(rows):
            result[row + r] = total[r]


@compiled(nogil=True)
def _walk_edges(
    begin: int,
    end: int,
    tokens: Int[np.ndarray, "B L"],
    offsets: Int[np.ndarray, " S+1"],
    edge_token: Int[np.ndarray, " E"],
    edge_target: Int[np.ndarray, " E"],
    log_prob: Float[np.ndarray, " E"],
    result: Float[np.ndarray, " B"],
) -> None:
    for row in range(begin, end):
        state, total = 0, 0.0
        for j in range(tokens.shape[1]):
            edge, after = edges_allowed(tokens[row, j], -1, offsets[state], offsets[state + 1], edge_token)
            if edge == after:
                total = -np.inf
                break
            total += log_prob[edge]
            state = edge_target[edge]
        result[row] = total
