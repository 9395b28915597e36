"""Forward–backward compiled for the CPU, one stretch of a row at a time.

A sampler asks for few positions of many rows, a thousand times over. There the batched engine of
`languages.inference.engine` spends its time on padding, on contexts that the revealed tokens exclude, and on launching
operations. These kernels follow only the states that are possible given the revealed tokens, stop at the last position
asked for, and touch nothing else. Same recursion, same linear algebra, float64; what may have underflowed is left to
the engine to settle.
"""

from __future__ import annotations

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.inference.chains import ContextChain, DenseChain, HiddenChain

MOST_EDGES = 1 << 13
"""Transitions times rows (at most `MANY_ROWS`) beyond which products of the batched engine beat loops over rows."""
MANY_ROWS = 64
"""With more rows than this the batched engine's overhead for each step no longer counts."""
TINY = 1e-100
"""Rescaled weights below this make a stretch doubtful."""
LOG_LEAST_FACTOR = -100.0
"""Log of the least factor a step may have: TINY² (past and future) times two of them is still an ordinary float64."""

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def can_serve(chain: HiddenChain, tokens: Int[Tensor, "B L"]) -> bool:
    """Whether the kernels serve: on the CPU, with factors that cannot underflow in one step, and where they are faster.

    For an n-gram that depends on the stretch; see `languages.inference.windows`.
    """
    if tokens.device.type != "cpu" or min(chain.log_start, chain.log_floor) <= LOG_LEAST_FACTOR:
        return False
    return isinstance(chain, ContextChain) or len(chain.log_edges[0]) * min(len(tokens), MANY_ROWS) <= MOST_EDGES


def stretch_weights(
    automaton: ContextAutomaton,
    tokens: Int[Tensor, "B L"],
    wanted: Bool[Tensor, "B L"],
    row: Int[Tensor, " W"],
    begin: Int[Tensor, " W"],
    width: Int[Tensor, " W"],
    context: Int[Tensor, " W"],
) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " W"]]:
    """Unnormalised law of each wanted hidden token, row-major, and the stretches in which some weight may underflow.

    Args:
        automaton: The contexts of an n-gram.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions; each lies in one of the stretches.
        row: (W,) row of each stretch.
        begin: (W,) its first position.
        width: (W,) its number of positions; nothing behind it tells anything about it.
        context: (W,) state before its first position; −1 if impossible, which leaves its laws at zero.
    """
    law = torch.zeros(int(wanted.sum()), automaton.vocab_size, dtype=torch.float64)
    doubtful = torch.zeros(len(row), dtype=torch.bool)
    edges = automaton.offsets, automaton.edge_token, automaton.edge_target, automaton.edge_prob
    arguments = (tokens, _slots(wanted), row, begin, width, context, *edges, law, doubtful)
    _context_stretches(*(argument.contiguous().numpy() for argument in arguments))
    return law, doubtful


def row_weights(
    chain: DenseChain, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]
) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " B"]]:
    """Unnormalised law of each wanted hidden token, row-major, and the rows in which some weight may underflow.

    Args:
        chain: A hidden Markov model.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions.
    """
    law = torch.zeros(int(wanted.sum()), chain.vocab_size, dtype=torch.float64)
    doubtful = torch.zeros(len(tokens), dtype=torch.bool)
    source, target, _ = chain.log_edges
    offsets = torch.searchsorted(source, torch.arange(chain.num_states + 1))
    prob = chain.transition[source, target]
    arguments = (tokens, _slots(wanted), chain.initial, offsets, target, prob, chain.emission, law, doubtful)
    _hidden_markov_rows(*(argument.contiguous().numpy() for argument in arguments))
    return law, doubtful


def _slots(wanted: Bool[Tensor, "B L"]) -> Int[Tensor, "B L"]:
    """Row-major number of each wanted position, −1 elsewhere."""
    number = torch.full(wanted.shape, -1, dtype=torch.int64)
    number[wanted] = torch.arange(int(wanted.sum()))
    return number


@numba.njit(cache=True, nogil=True)
def _context_stretches(
    tokens: Int[np.ndarray, "B L"],
    slot: Int[np.ndarray, "B L"],
    row: Int[np.ndarray, " W"],
    begin: Int[np.ndarray, " W"],
    width: Int[np.ndarray, " W"],
    context: Int[np.ndarray, " W"],
    offsets: Int[np.ndarray, " S+1"],
    edge_token: Int[np.ndarray, " E"],
    edge_target: Int[np.ndarray, " E"],
    edge_prob: Float[np.ndarray, " E"],
    law: Float[np.ndarray, "K V"],
    doubtful: Bool[np.ndarray, " W"],
) -> None:
    """Weights of hidden tokens in stretches of an n-gram that start from a known context, added to `law`.

    Args:
        tokens: Rows with holes (id V).
        slot: Row of `law` for each position asked for, −1 elsewhere.
        row: Row of each stretch.
        begin: Its first position.
        width: Its number of positions; nothing behind it tells anything about it.
        context: State before its first position; −1 if impossible, which leaves its laws at zero.
        offsets: Edges of state s are offsets[s] … offsets[s + 1] − 1, sorted by token.
        edge_token: Token of each edge.
        edge_target: State each edge enters.
        edge_prob: Probability of each edge.
        law: Zeros; the unnormalised laws are written here.
        doubtful: False; set where a weight came near the end of floating point.
    """
    hole = law.shape[1]
    place = np.full(len(offsets) - 1, -1, dtype=np.int64)
    state, into = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    alpha, beta = np.empty(1024), np.empty(1024)
    level = np.empty(tokens.shape[1] + 2, dtype=np.int64)
    for w in range(len(row)):
        if context[w] < 0:
            continue
        visible, asked = tokens[row[w], begin[w] : begin[w] + width[w]], slot[row[w], begin[w] : begin[w] + width[w]]
        first = 0
        while asked[first] < 0:
            first += 1
        state[0], alpha[0], level[0], level[1] = context[w], 1.0, 0, 1
        end, mass = 1, 0.0
        for j in range(width[w]):
            start, mass = end, 0.0
            for i in range(level[j], level[j + 1]):
                low, high = _edges(visible[j], hole, offsets[state[i]], offsets[state[i] + 1], edge_token)
                if end + high - low > len(state):
                    state, into = _grown_int(state, end + high - low), _grown_int(into, end + high - low)
                    alpha, beta = _grown_float(alpha, end + high - low), _grown_float(beta, end + high - low)
                for e in range(low, high):
                    target, flow = edge_target[e], alpha[i] * edge_prob[e]
                    at = place[target]
                    if at < start or at >= end or state[at] != target:
                        at = end
                        place[target], state[at], into[at], alpha[at] = at, target, edge_token[e], 0.0
                        end += 1
                    alpha[at] += flow
                    mass += flow
            level[j + 2] = end
            if mass == 0.0:
                break  # nothing survives this position: the stretch is impossible
            for i in range(start, end):
                alpha[i] /= mass
                doubtful[w] |= 0.0 < alpha[i] < TINY
        if mass == 0.0:
            continue
        for i in range(level[width[w]], end):
            beta[i] = 1.0
        for j in range(width[w] - 1, first - 1, -1):
            if asked[j] >= 0:
                for i in range(level[j + 1], level[j + 2]):
                    law[asked[j], into[i]] += alpha[i] * beta[i]
            if j == first:
                break
            for i in range(level[j + 1], level[j + 2]):
                place[state[i]] = i
            top = 0.0
            for i in range(level[j], level[j + 1]):
                low, high = _edges(visible[j], hole, offsets[state[i]], offsets[state[i] + 1], edge_token)
                future = 0.0
                for e in range(low, high):
                    future += edge_prob[e] * beta[place[edge_target[e]]]
                beta[i] = future
                top = max(top, future)
            if top > 0.0:
                for i in range(level[j], level[j + 1]):
                    beta[i] /= top
                    doubtful[w] |= 0.0 < beta[i] < TINY


@numba.njit(cache=True, nogil=True)
def _hidden_markov_rows(
    tokens: Int[np.ndarray, "B L"],
    slot: Int[np.ndarray, "B L"],
    initial: Float[np.ndarray, " S"],
    offsets: Int[np.ndarray, " S+1"],
    target: Int[np.ndarray, " E"],
    prob: Float[np.ndarray, " E"],
    emission: Float[np.ndarray, "S V"],
    law: Float[np.ndarray, "K V"],
    doubtful: Bool[np.ndarray, " B"],
) -> None:
    """Weights of hidden tokens in rows of a hidden Markov model, written to `law`.

    Args:
        tokens: Rows with holes (id V).
        slot: Row of `law` for each position asked for, −1 elsewhere.
        initial: Law of the first state.
        offsets: Transitions of state s are offsets[s] … offsets[s + 1] − 1.
        target: State each transition of positive probability enters.
        prob: Its probability.
        emission: Rows of token probabilities.
        law: Zeros; the unnormalised laws are written here.
        doubtful: False; set where a weight came near the end of floating point.
    """
    num_states, hole = emission.shape
    length = tokens.shape[1]
    alpha = np.empty((length, num_states))
    beta, filtered = np.empty(num_states), np.empty(num_states)
    for row in range(len(tokens)):
        first, last = length, -1
        for j in range(length):
            if slot[row, j] >= 0:
                first, last = min(first, j), j
        if last < 0:
            continue
        alpha[0] = initial
        for j in range(last):
            mass = 0.0
            for s in range(num_states):
                filtered[s] = alpha[j, s] if tokens[row, j] == hole else alpha[j, s] * emission[s, tokens[row, j]]
                mass += filtered[s]
            alpha[j + 1] = 0.0
            if mass > 0.0:
                for s in range(num_states):
                    flow = filtered[s] / mass
                    if flow > 0.0:
                        doubtful[row] |= flow < TINY
                        for e in range(offsets[s], offsets[s + 1]):
                            alpha[j + 1, target[e]] += flow * prob[e]
        beta[:] = 1.0
        for j in range(length - 1, first - 1, -1):
            if slot[row, j] >= 0:
                for s in range(num_states):
                    weight = alpha[j, s] * beta[s]
                    if weight > 0.0:
                        for v in range(hole):
                            law[slot[row, j], v] += weight * emission[s, v]
            top = 0.0
            for s in range(num_states):
                filtered[s] = beta[s] if tokens[row, j] == hole else beta[s] * emission[s, tokens[row, j]]
            for s in range(num_states):
                future = 0.0
                for e in range(offsets[s], offsets[s + 1]):
                    future += prob[e] * filtered[target[e]]
                beta[s] = future
                top = max(top, future)
            if top > 0.0:
                for s in range(num_states):
                    beta[s] /= top
                    doubtful[row] |= 0.0 < beta[s] < TINY


@numba.njit(cache=True, nogil=True)
def _edges(token: int, hole: int, low: int, high: int, edge_token: IntArray) -> tuple[int, int]:
    """The edges of one state that a token allows: all for a hole, else the one that emits it, if any."""
    if token == hole:
        return low, high
    end = high
    while low < high:
        middle = (low + high) // 2
        if edge_token[middle] < token:
            low = middle + 1
        else:
            high = middle
    return low, low + 1 if low < end and edge_token[low] == token else low


@numba.njit(cache=True, nogil=True)
def _grown_int(array: IntArray, needed: int) -> IntArray:
    larger = np.empty(2 * needed, dtype=np.int64)
    larger[: len(array)] = array
    return larger


@numba.njit(cache=True, nogil=True)
def _grown_float(array: FloatArray, needed: int) -> FloatArray:
    larger = np.empty(2 * needed)
    larger[: len(array)] = array
    return larger
