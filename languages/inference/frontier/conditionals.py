"""Forward–backward compiled for the CPU that follows the live contexts of one segment of an n-gram at a time.

Few contexts are possible given the revealed tokens, and a sampler asks for few positions: this touches nothing else. It
computes in float64; what may have underflowed is left to the caller to settle.
"""

from __future__ import annotations

import math

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.automata.walks import edges_allowed
from languages.compilation import compiled
from languages.inference.positions import slots
from languages.inference.segments import Segments
from languages.inference.state_chain import LOG_SMALLEST, ContextChain
from languages.inference.threads import over_rows

IntArray = NDArray[np.int64]
FloatArray = NDArray[np.float64]


def frontier_log_laws(
    chain: ContextChain, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], segments: Segments, work: float
) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " W"]]:
    """Log-law of each wanted hidden token, row-major, and the segments in which some weight may underflow.

    A law of −inf alone says that the segment is impossible.

    Args:
        chain: The contexts of an n-gram, in float64, on the CPU.
        tokens: (B, L) with holes.
        wanted: (B, L) hidden positions; each lies in one of the segments.
        segments: Where they begin and end, and the contexts before them.
        work: Elementary steps this takes, roughly.
    """
    slot, count = slots(wanted)
    law = torch.full((count, chain.vocab_size), -math.inf, dtype=torch.float64)
    doubtful = torch.zeros(len(segments.row), dtype=torch.bool)
    automaton = chain.automaton
    edges = automaton.offsets, automaton.edge_token, automaton.edge_target, automaton.edge_prob
    tensors = tokens, slot, *segments, *edges, *chain.rarest, law, doubtful
    arrays = [tensor.contiguous().numpy() for tensor in tensors]
    smallest = math.exp(LOG_SMALLEST[torch.float64])
    over_rows(lambda first, last: _follow(first, last, smallest, *arrays), len(doubtful), work)
    return law, doubtful


@compiled(nogil=True)
def _follow(
    first_segment: int,
    last_segment: int,
    smallest: float,
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
    rarest_out: Float[np.ndarray, " S"],
    rarest_in: Float[np.ndarray, " S"],
    law: Float[np.ndarray, "K V"],
    doubtful: Bool[np.ndarray, " W"],
) -> None:
    """Log-laws of hidden tokens in segments of an n-gram that start from a known context, written to `law`.

    Args:
        first_segment: The first segment to work on.
        last_segment: The one after the last.
        smallest: A segment is doubtful if a positive weight times the rarest edge that it may meet falls below this.
        tokens: Rows with holes (id V).
        slot: Row of `law` for each position asked for, −1 elsewhere.
        row: Row of each segment.
        begin: Its first position.
        width: Its number of positions; nothing behind it tells anything about it.
        context: State before its first position; −1 if impossible, which leaves its laws as they are.
        offsets: Edges of state s are offsets[s] … offsets[s + 1] − 1, sorted by token.
        edge_token: Token of each edge.
        edge_target: State each edge enters.
        edge_prob: Probability of each edge.
        rarest_out: Least probability of an edge out of each state.
        rarest_in: Least probability of an edge into each state.
        law: −inf; the log-laws are written here.
        doubtful: False; set where a weight came near the end of floating point.
    """
    hole = law.shape[1]
    place = np.full(len(offsets) - 1, -1, dtype=np.int64)
    state, into = np.empty(1024, dtype=np.int64), np.empty(1024, dtype=np.int64)
    alpha, beta = np.empty(1024), np.empty(1024)
    weights = np.empty(hole)
    level = np.empty(tokens.shape[1] + 2, dtype=np.int64)
    for w in range(first_segment, last_segment):
        if context[w] < 0:
            continue  # no sequence reaches it: its laws stay −inf, which tells the caller
        visible, asked = tokens[row[w], begin[w] : begin[w] + width[w]], slot[row[w], begin[w] : begin[w] + width[w]]
        first = 0
        while asked[first] < 0:
            first += 1
        state[0], alpha[0], level[0], level[1] = context[w], 1.0, 0, 1
        end, mass = 1, 0.0
        for j in range(width[w]):
            start, mass = end, 0.0
            for i in range(level[j], level[j + 1]):
                low, high = edges_allowed(visible[j], hole, offsets[state[i]], offsets[state[i] + 1], edge_token)
                # Room for all of them as if each led to a new context: one check outside the loop over edges.
                if end + high - low > len(state):
                    state, into = _grown_int(state, end + high - low), _grown_int(into, end + high - low)
                    alpha, beta = _grown_float(alpha, end + high - low), _grown_float(beta, end + high - low)
                for e in range(low, high):
                    target, flow = edge_target[e], alpha[i] * edge_prob[e]
                    at = place[target]
                    # `place` is never cleared: what it holds from other positions fails one of these tests.
                    if at < start or at >= end or state[at] != target:
                        at = end
                        place[target], state[at], into[at], alpha[at] = at, target, edge_token[e], 0.0
                        end += 1
                    alpha[at] += flow
                    mass += flow
            level[j + 2] = end
            if mass == 0.0:
                break  # nothing survives this position: the segment is impossible
            # A position's weights sum to one, so that a long segment does not underflow as a whole.
            for i in range(start, end):
                alpha[i] /= mass
                doubtful[w] |= alpha[i] * rarest_out[state[i]] < smallest
        if mass == 0.0:
            continue  # impossible, as above
        for i in range(level[width[w]], end):
            beta[i] = 1.0
        for j in range(width[w] - 1, first - 1, -1):
            if asked[j] >= 0:
                weights[:], total = 0.0, 0.0
                for i in range(level[j + 1], level[j + 2]):
                    weight = alpha[i] * beta[i]
                    weights[into[i]] += weight
                    total += weight
                    doubtful[w] |= beta[i] > 0.0 and weight < smallest
                for v in range(hole):
                    if weights[v] > 0.0:
                        law[asked[j], v] = np.log(weights[v] / total)
            if j == first:
                break  # nothing further left is asked for
            for i in range(level[j + 1], level[j + 2]):
                place[state[i]] = i
            top = 0.0
            for i in range(level[j], level[j + 1]):
                low, high = edges_allowed(visible[j], hole, offsets[state[i]], offsets[state[i] + 1], edge_token)
                future = 0.0
                for e in range(low, high):
                    future += edge_prob[e] * beta[place[edge_target[e]]]
                beta[i] = future
                top = max(top, future)
            # Futures are no law and need no sum: the largest is enough against underflow.
            if top > 0.0:
                for i in range(level[j], level[j + 1]):
                    beta[i] /= top
                    doubtful[w] |= beta[i] > 0.0 and beta[i] * rarest_in[state[i]] < smallest


@compiled(nogil=True)
def _grown_int(array: IntArray, needed: int) -> IntArray:
    larger = np.empty(2 * needed, dtype=np.int64)
    larger[: len(array)] = array
    return larger


@compiled(nogil=True)
def _grown_float(array: FloatArray, needed: int) -> FloatArray:
    larger = np.empty(2 * needed)
    larger[: len(array)] = array
    return larger
