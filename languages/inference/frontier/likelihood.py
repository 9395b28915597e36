"""Log-probability of n-gram rows with holes, following only the contexts that the revealed tokens allow."""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.compilation import compiled
from languages.inference.state_chain import LOG_SMALLEST, ContextChain

CROWDED = 16
"""Loops side by side go through all edges, but through one this many times faster than the kernel follows one."""
MANY_CONTEXTS, CROWDED_MANY = 1 << 13, 2
"""With more contexts than this their vectors leave the cache, and they are faster by this factor only."""
STEP = 2048
"""Edges that are followed in the time that one step takes at least otherwise."""


def frontier_log_likelihood(
    chain: ContextChain, tokens: Int[Tensor, "B T"], otherwise: Callable[[Tensor], Tensor]
) -> Float[Tensor, " B"]:
    """Log-probability (nats) of the revealed tokens of each row, hidden ones summed out.

    A compiled loop follows the live contexts of each row. Rows that turn out too crowded or too improbable for it are
    left to another method.

    Args:
        chain: The contexts of an n-gram, n ≥ 2, on the CPU, in float64.
        tokens: (B, T) with holes.
        otherwise: Answers the same question for the rows it is given.
    """
    automaton = chain.automaton
    factor = CROWDED if chain.num_states <= MANY_CONTEXTS else CROWDED_MANY
    most = max(automaton.num_edges // factor, STEP // max(1, len(tokens)))
    # If each context has the mean number of edges, so many contexts are live after each token.
    hidden = (tokens == chain.vocab_size).long().cumsum(1)
    hidden[:, automaton.order - 1 :] -= hidden[:, : 1 - automaton.order].clone()
    branching = automaton.num_edges / chain.num_states
    live = (branching ** hidden.double()).clamp_(max=chain.num_states)
    left = live.mean(1) * branching > most
    result = torch.empty(len(tokens), dtype=torch.float64)
    if not bool(left.all()):
        result[~left], left[~left] = followed_log_likelihood(chain, tokens[~left], most * tokens.shape[1])
    if bool(left.any()):
        result[left] = otherwise(tokens[left])
    return result


def followed_log_likelihood(
    chain: ContextChain, tokens: Int[Tensor, "B T"], budget: int | None = None
) -> tuple[Float[Tensor, " B"], Bool[Tensor, " B"]]:
    """Log-probability of the revealed tokens of each row, and the rows that ran out of budget or near underflow.

    Args:
        chain: The contexts of an n-gram, on the CPU, in float64.
        tokens: (B, T) with holes.
        budget: Edges that may be followed for each row, None for any number.
    """
    automaton = chain.automaton
    edges = automaton.offsets, automaton.edge_token, automaton.edge_target, automaton.edge_prob, chain.rarest[0]
    arrays = [tensor.contiguous().numpy() for tensor in (tokens, *edges)]
    most = np.iinfo(np.int64).max if budget is None else budget
    masses, failed = _log_masses(*arrays, chain.vocab_size, most, math.exp(LOG_SMALLEST[chain.dtype]))
    return torch.from_numpy(masses), torch.from_numpy(failed)


@compiled(nogil=True)
def _log_masses(
    tokens: Int[np.ndarray, "B T"],
    offsets: Int[np.ndarray, " S+1"],
    edge_token: Int[np.ndarray, " E"],
    edge_target: Int[np.ndarray, " E"],
    edge_prob: Float[np.ndarray, " E"],
    rarest_out: Float[np.ndarray, " S"],
    vocab_size: int,
    budget: int,
    smallest: float,
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """As `followed_log_likelihood`.

    Args:
        tokens: Rows with holes (id V).
        offsets: Edges of state s are offsets[s] … offsets[s + 1] − 1, sorted by token.
        edge_token: Token of each edge.
        edge_target: State each edge enters.
        edge_prob: Probability of each edge.
        rarest_out: Least probability of an edge out of each state.
        vocab_size: V.
        budget: Edges that may be followed for each row.
        smallest: A row fails if a share of the mass times the rarest edge that it may meet falls below this.
    """
    total, failed = np.zeros(len(tokens)), np.zeros(len(tokens), dtype=np.bool_)
    place = np.zeros(len(offsets) - 1, dtype=np.int64)
    states, following = np.zeros(64, dtype=np.int64), np.zeros(64, dtype=np.int64)
    shares, flows = np.empty(64), np.empty(64)
    for row in range(len(tokens)):
        states[0], shares[0], count, spent = 0, 1.0, 1, 0
        for token in tokens[row]:
            found, mass = 0, 0.0
            for i in range(count):
                low, high = offsets[states[i]], offsets[states[i] + 1]
                # A revealed token leaves one edge at most, a hole all of them.
                if token < vocab_size:
                    low += np.searchsorted(edge_token[low:high], token)
                    high = low + 1 if low < high and edge_token[low] == token else low
                spent += high - low
                if found + high - low > len(following):
                    size = 2 * (found + high - low)
                    following = np.concatenate((following[:found], np.zeros(size - found, dtype=np.int64)))
                    flows = np.concatenate((flows[:found], np.empty(size - found)))
                for edge in range(low, high):
                    target, flow = edge_target[edge], shares[i] * edge_prob[edge]
                    at = place[target]
                    # `place` is never cleared: a stale entry points beyond `found` or at another state.
                    if at >= found or following[at] != target:
                        at = found
                        place[target], following[at], flows[at] = at, target, 0.0
                        found += 1
                    flows[at] += flow
                    mass += flow
            total[row] += np.log(mass) if mass > 0.0 else -np.inf
            failed[row] |= spent > budget
            if mass == 0.0 or failed[row]:
                break  # impossible, or another method's
            for i in range(found):
                flows[i] /= mass
                failed[row] |= flows[i] * rarest_out[following[i]] < smallest
            states, following, shares, flows, count = following, states, flows, shares, found
    return total, failed
