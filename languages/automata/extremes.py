"""The most and the least probable sequences of a language, and the most probable hidden path."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.estimate import Estimate

PREFIX_LIMIT = 4096
"""How many prefixes of one length the search over a hidden Markov model keeps."""

DOMINANCE_LIMIT = 1024
"""Prefixes of one length up to this number are compared pair by pair; fewer where there are many hidden states."""

BLOCK_ENTRIES = 1 << 25
"""Most numbers that the prefixes of one length and their continuations by one token may take."""

UNDERFLOW = 600.0
"""Terms this many nats below the largest are added up in logarithms."""

FIRST_GUESS = 64
"""Prefixes kept by the first, quick search, whose find the second one has to beat."""


@dataclasses.dataclass(frozen=True, eq=False)
class ExtremeSequence:
    """A sequence and its log-probability, with a bracket if a better one is not excluded.

    Attributes:
        tokens: (L,) the sequence.
        log_prob: Nats. Exact where no sequence is better; else a bound: `value` is the log-probability of `tokens`, and
            the best log-probability of all is certainly inside.
    """

    tokens: Int[Tensor, " L"]
    log_prob: Estimate


def extreme_in_contexts(automaton: ContextAutomaton, length: int, *, most: bool) -> ExtremeSequence:
    """The most or least probable sequence of an n-gram, by Viterbi's recursion on contexts.

    V_r(s) = max (or min, over edges of positive probability) of log p(edge) + V_{r−1}(target), r tokens to go.
    """
    sign = 1.0 if most else -1.0
    offsets = automaton.offsets.cpu().numpy()
    gain = sign * automaton.edge_prob.log().cpu().numpy()
    source, target, token = (
        t.cpu().numpy() for t in (automaton.edge_source, automaton.edge_target, automaton.edge_token)
    )
    value = np.zeros(automaton.num_contexts)
    choices = []
    for _ in range(length):
        through = gain + value[target]
        value = np.maximum.reduceat(through, offsets[:-1])
        best = np.flatnonzero(through == value[source])
        choice = np.empty(automaton.num_contexts, dtype=np.int64)
        choice[source[best[::-1]]] = best[::-1]  # of equals, the smallest token
        choices.append(choice)
    state, tokens = 0, []
    for choice in reversed(choices):
        tokens.append(int(token[choice[state]]))
        state = int(target[choice[state]])
    log_prob = Estimate.exact(sign * float(value[0]), unit="nats")
    return ExtremeSequence(torch.tensor(tokens, device=automaton.device), log_prob)


def extreme_of_hidden(
    initial: Float[Tensor, " S"],
    transition: Float[Tensor, "S S"],
    emission: Float[Tensor, "S V"],
    length: int,
    *,
    most: bool,
    prefix_limit: int,
) -> ExtremeSequence:
    """The most or least probable sequence of a hidden Markov model, by branch and bound over prefixes.

    A prefix is its vector of log P(prefix, next hidden state = s). It is dropped if a bound on what it can come to is
    no better than a sequence already found, or if another prefix of its length is at least as good in every hidden
    state (for the least probable: and possible in the same states). The bounds let every hidden state choose its own
    continuation: U_r(s) = max_v log e(s, v) + log Σ_s' P(s, s') exp U_{r−1}(s'), and for the least probable the least
    probable path. Finding the most probable sequence is NP-hard (Lyngsø and Pedersen 2002), so prefixes past
    `prefix_limit` are given up, least promising first, and the best of their bounds makes the bracket.
    """
    with np.errstate(divide="ignore"):
        start, moves, emits = (np.log(table.cpu().numpy()) for table in (initial, transition, emission))
    search = _Search(start, moves, emits, length, most)
    prefix_limit = min(prefix_limit, max(1, BLOCK_ENTRIES // emits.size))
    tokens, value, bound = search.run(min(FIRST_GUESS, prefix_limit), -math.inf)
    if bound > value and prefix_limit > FIRST_GUESS:
        found = search.run(prefix_limit, value)
        tokens, value, bound = found if found[1] > value else (tokens, value, min(bound, found[2]))
    sign = 1.0 if most else -1.0
    if bound <= value:
        log_prob = Estimate.exact(sign * value, unit="nats")
    else:
        ends = sorted((sign * value, sign * bound))
        log_prob = Estimate(sign * value, ends[0], ends[1], "bound", unit="nats")
    return ExtremeSequence(torch.tensor(tokens, device=initial.device), log_prob)


class _Search:
    """Breadth-first search over prefixes, by hidden-state vectors; everything is signed so that larger is better."""

    def __init__(
        self,
        start: NDArray[np.float64],
        moves: NDArray[np.float64],
        emits: NDArray[np.float64],
        length: int,
        most: bool,
    ) -> None:
        self.start, self.moves, self.emits, self.length, self.most = start, moves, emits, length, most
        self.compared = min(DOMINANCE_LIMIT, math.isqrt(1 + BLOCK_ENTRIES // (2 * len(start))))
        # after[r](s): bound on the r tokens after the one that state s emits.
        self.after = [np.zeros(len(start))]
        for _ in range(length - 1):
            # A bound may choose each state's best token alone, but sums over paths for the most probable; the least
            # probable sequence is at least as probable as its least probable path.
            if most:
                self.after.append(_log_product((emits.max(1) + self.after[-1])[None], moves.T)[0])
            else:
                least = np.where(np.isneginf(emits), math.inf, emits).min(1) + self.after[-1]
                self.after.append(np.where(np.isneginf(moves), math.inf, moves + least).min(1))

    def run(self, keep: int, to_beat: float) -> tuple[list[int], float, float]:
        """The best sequence found, its value, and a bound on every sequence (the value itself if none was given up)."""
        prefixes, histories = self.start[None], np.zeros((1, 0), dtype=np.int64)
        given_up = -math.inf
        for position in range(self.length):
            emitted = prefixes[:, None, :] + self.emits.T  # (F, V, S)
            bounds = self._bounds(emitted, self.length - 1 - position)
            row, token = (bounds > to_beat + _slack(to_beat)).nonzero()
            bounds, emitted = bounds[row, token], emitted[row, token]
            order = np.argsort(-bounds, kind="stable")
            for most_kept in (keep + self.compared, keep):
                # The best bound given up is what the true optimum may still come to.
                if len(order) > most_kept:
                    given_up = max(given_up, float(bounds[order[most_kept]]))
                    order = order[:most_kept]
                # Dominance is looked for among a few more than are kept, and never after the last token.
                if most_kept > keep and position < self.length - 1:
                    prefixes = _log_product(emitted[order], self.moves)
                    alive = self._undominated(prefixes)
                    order, prefixes = order[alive], prefixes[alive]
            if not len(order):  # nothing can beat the sequence that is known
                return [], -math.inf, max(to_beat, given_up)
            histories, prefixes = np.concatenate([histories[row[order]], token[order, None]], axis=1), prefixes[:keep]
        return histories[0].tolist(), float(bounds[order[0]]), max(float(bounds[order[0]]), given_up)

    def _bounds(self, emitted: NDArray[np.float64], rest: int) -> NDArray[np.float64]:
        """(F, V) bound on the signed log-probability of every sequence that goes on so; −inf where there is none."""
        whole = emitted + self.after[rest]
        if self.most:
            return _log_sum(whole)
        possible = ~np.isneginf(emitted)
        least = _log_sum(emitted) if rest == 0 else np.where(possible, whole, math.inf).min(-1)
        return np.where(possible.any(-1), -least, -math.inf)

    def _undominated(self, vectors: NDArray[np.float64]) -> NDArray[np.int64]:
        """Indices of the vectors that no earlier one makes superfluous, best bound first."""
        signed = vectors if self.most else np.where(np.isneginf(vectors), -math.inf, -vectors)
        head = signed[: self.compared]
        better = (head[:, None] >= head[None]).all(-1)
        if not self.most:
            possible = ~np.isneginf(head)
            better &= (possible[:, None] == possible[None]).all(-1)
        better &= ~better.T | np.triu(np.ones_like(better), 1)  # of equals, the earlier one stays
        np.fill_diagonal(better, False)
        dominated = np.zeros(len(vectors), dtype=bool)
        dominated[: len(head)] = better.any(0)
        return np.flatnonzero(~dominated)


def _slack(value: float) -> float:
    """What rounding may add to a bound."""
    return 0.0 if math.isinf(value) else 1e-12 * (1 + abs(value))


def _log_sum(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of the sum of exponentials over the last axis; −inf where all are."""
    top = values.max(-1, keepdims=True)
    finite = np.where(np.isneginf(top), 0.0, top)
    with np.errstate(divide="ignore"):
        return (np.log(np.exp(values - finite).sum(-1, keepdims=True)) + finite)[..., 0]


def _log_product(left: NDArray[np.float64], right: NDArray[np.float64]) -> NDArray[np.float64]:
    """Log of exp(left) @ exp(right); entries that would underflow are added up in logarithms."""
    top = left.max(1, keepdims=True)
    with np.errstate(divide="ignore"):
        result = np.log(np.exp(left - top) @ np.exp(right)) + top
    possible = (~np.isneginf(left)).astype(np.float32) @ (~np.isneginf(right)).astype(np.float32) > 0
    row, column = (possible & (result < top - UNDERFLOW)).nonzero()
    for start in range(0, len(row), 1 << 12):
        part = slice(start, start + (1 << 12))
        result[row[part], column[part]] = _log_sum(left[row[part]] + right.T[column[part]])
    return result
