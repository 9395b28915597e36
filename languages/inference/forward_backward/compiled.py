"""Forward–backward compiled for the CPU, many segments side by side.

A vector over hidden states has one lane for each segment, so a transition of positive probability is one multiply–add
on all lanes: the same instructions serve dense hidden Markov models and the sparse contexts of n-grams. Every step
rescales, and notes the segments in which a positive weight comes near the end of floating point; those are left to the
caller to settle. All else follows from the pattern of zeros, so a zero is always an exact zero of the language.

Shapes: S states, V tokens, K positions asked for, W segments. One block of lanes is worked through at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numba
import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.inference.forward_backward.sparse_product import LANES, Bundles, multiply
from languages.inference.positions import slots
from languages.inference.segments import Segments
from languages.inference.state_chain import ContextChain, StateChain
from languages.inference.threads import over_rows

BLOCK_ENTRIES = 1 << 25
"""Most weights that one thread keeps, positions times states times lanes."""

IntArray = NDArray[np.int64]
RealArray = NDArray[np.floating]


class ChainTables(NamedTuple):
    """A chain as the compiled loops read it.

    Attributes:
        start: Where the states that may follow a context begin, the states, and their probabilities.
        into: The transition, transposed: for each state the states that lead to it.
        out: The transition: for each state the states it leads to.
        by_token: The emission, transposed: for each token the states that emit it.
        evidence: (V + 1, S) P(token | state), ones for a hole; no rows where each state emits one token alone.
        token_of: (S,) that one token.
        size: S.
        lanes: Segments in a block.
    """

    start: tuple[IntArray, IntArray, RealArray]
    into: Bundles
    out: Bundles
    by_token: Bundles
    evidence: RealArray
    token_of: IntArray
    size: int
    lanes: int

    @classmethod
    def of(cls, chain: StateChain) -> ChainTables:
        """The tables of a chain on the CPU, in its precision."""
        source, target, prob = (part.numpy() for part in chain.edges)
        state, token, emission = (part.numpy() for part in chain.emissions)
        context, following, start = (part.numpy() for part in chain.starts)
        size = chain.num_states
        evidence, token_of = np.empty((0, 0), dtype=prob.dtype), np.empty(0, dtype=np.int64)
        if isinstance(chain, ContextChain):
            token_of = chain.automaton.last_token.numpy()
        else:
            evidence = chain.evidence(torch.arange(chain.vocab_size + 1)).numpy()
        return cls(
            start=(np.searchsorted(context, np.arange(int(context[-1]) + 2)), following, start),
            into=Bundles.of(target, source, prob, size),
            out=Bundles.of(source, target, prob, size),
            by_token=Bundles.of(token, state, emission, chain.vocab_size),
            evidence=evidence,
            token_of=token_of,
            size=size,
            lanes=LANES[str(prob.dtype)],
        )


class CompiledForwardBackward:
    """Forward–backward on one chain.

    Args:
        chain: On the CPU; its precision is that of the recursion and of the results.
    """

    def __init__(self, chain: StateChain) -> None:
        self._tables = ChainTables.of(chain)
        self._dtype, self._vocab_size, self._num_states = chain.dtype, chain.vocab_size, chain.num_states
        self._least = math.exp(chain.log_least(chain.dtype))
        self.lanes = self._tables.lanes
        # Nanoseconds for one position of one segment, in a full block.
        self.step_cost = 0.03 * self._tables.into.value.size + 0.3 * chain.num_states + 10.0

    def log_laws(
        self,
        tokens: Int[Tensor, "B L"],
        wanted: Bool[Tensor, "B L"],
        segments: Segments,
    ) -> tuple[Float[Tensor, "K V"], Bool[Tensor, " W"]]:
        """Log-law of each wanted token given the revealed ones elsewhere, and the segments that are doubtful.

        A law of −inf alone says that the segment is impossible.

        Args:
            tokens: (B, L) with holes.
            wanted: (B, L) positions; each lies in one of the segments. A revealed one is treated as hidden for its own
                law (leave-one-out).
            segments: Where they begin and end, and the contexts before them.
        """
        width = segments.width
        slot, count = slots(wanted)
        law = torch.empty(count, self._vocab_size, dtype=self._dtype)
        doubtful = torch.zeros(len(width), dtype=torch.bool)
        if len(width) == 0:
            return law, doubtful
        # Neighbours in a block should be equally wide.
        order = torch.argsort(width) if bool((width != width[0]).any()) else torch.arange(len(width))
        tensors = tokens, slot, order, *segments, law, doubtful
        arrays = [tensor.contiguous().numpy() for tensor in tensors]
        over_rows(
            lambda first, last: _log_laws(first, last, self._least, self._tables, *arrays),
            len(width),
            2 * self.step_cost * float(width.sum()),
            multiple=self._tables.lanes,
        )
        return law, doubtful

    def log_likelihood(self, tokens: Int[Tensor, "B L"]) -> tuple[Float[Tensor, " B"], Bool[Tensor, " B"]]:
        """Log-probability (nats, float64) of the revealed tokens of each row, and the rows that are doubtful.

        Args:
            tokens: (B, L) with holes.
        """
        result, doubtful = torch.zeros(len(tokens), dtype=torch.float64), torch.zeros(len(tokens), dtype=torch.bool)
        if len(tokens) == 0:
            return result, doubtful
        arrays = [tensor.contiguous().numpy() for tensor in (tokens, result, doubtful)]
        over_rows(
            lambda first, last: _log_likelihood(first, last, self._vocab_size, self._least, self._tables, *arrays),
            len(tokens),
            self.step_cost * tokens.numel(),
            multiple=self._tables.lanes,
        )
        return result, doubtful

    def serves(self, longest: int) -> bool:
        """Whether the weights of a block of segments up to this wide may be kept."""
        return longest * (self._num_states + 1) * self._tables.lanes <= BLOCK_ENTRIES


# Multiplying and adding in one instruction is the one liberty that these loops take.
_compiled = numba.njit(cache=True, nogil=True, fastmath={"contract"}, error_model="numpy")


@_compiled
def _log_laws(first, last, least, tables, tokens, slot, order, row, begin, width, context, law, doubtful):  # type: ignore[no-untyped-def]
    """Log-laws of the segments order[first] … order[last − 1], block by block; as the method."""
    size, vocab_size = tables.size, law.shape[1]
    lanes, longest = tables.lanes, 0
    offset, following, start = tables.start
    for i in range(first, last):
        longest = max(longest, width[order[i]])
    kept = np.empty((longest, size + 1, lanes), law.dtype)
    future, weighed = np.empty((size + 1, lanes), law.dtype), np.empty((size + 1, lanes), law.dtype)
    by_token, allowed = np.empty((vocab_size + 1, lanes), law.dtype), np.empty((vocab_size + 1, lanes), law.dtype)
    ones, scale, mass = np.ones(lanes, law.dtype), np.empty(lanes, law.dtype), np.empty(lanes, law.dtype)
    smallest, ignored = np.empty(lanes, law.dtype), np.empty(lanes, law.dtype)
    seen, asked = np.empty(lanes, np.int64), np.empty(lanes, np.int64)
    for block in range(first, last, lanes):
        many = min(lanes, last - block)
        end, begin_asked, end_asked = 0, longest, 0
        for k in range(many):
            w = order[block + k]
            end = max(end, width[w])
            for j in range(width[w]):
                if slot[row[w], begin[w] + j] >= 0:
                    begin_asked, end_asked = min(begin_asked, j), max(end_asked, j + 1)
        smallest[:] = ones
        kept[0] = 0
        for k in range(many):
            c = context[order[block + k]]
            if c >= 0:
                for e in range(offset[c], offset[c + 1]):
                    kept[0, following[e], k] = start[e]
        mass[:] = ones
        for j in range(end_asked - 1):
            _look(tokens, order, row, begin, width, block, many, j, vocab_size, seen)
            _weigh(tables, seen, kept[j], allowed, weighed)
            _invert(mass, scale)
            _product(tables.into, weighed, scale, smallest, mass, kept[j + 1])
        future[:] = 1
        mass[:] = ones
        for j in range(end - 1, begin_asked - 1, -1):
            if _look(slot, order, row, begin, width, block, many, j, -1, asked):
                _times(kept[j].ravel(), future.ravel(), weighed.ravel())
                _product(tables.by_token, weighed, ones, ignored, ignored, by_token)
                _write(asked, by_token, law)
            if j > begin_asked:
                _look(tokens, order, row, begin, width, block, many, j, vocab_size, seen)
                _weigh(tables, seen, future, allowed, weighed)
                _invert(mass, scale)
                _product(tables.out, weighed, scale, smallest, mass, future)
        for k in range(many):
            doubtful[order[block + k]] = smallest[k] < least


@_compiled
def _log_likelihood(first, last, vocab_size, least, tables, tokens, result, doubtful):  # type: ignore[no-untyped-def]
    """Log-likelihoods of the rows first … last − 1, block by block; as the method."""
    size, length, lanes = tables.size, tokens.shape[1], tables.lanes
    offset, following, start = tables.start
    dtype = tables.into.value.dtype
    state, weighed = np.empty((size + 1, lanes), dtype), np.empty((size + 1, lanes), dtype)
    allowed, seen = np.empty((vocab_size + 1, lanes), dtype), np.full(lanes, vocab_size, np.int64)
    scale, mass, smallest, product = (
        np.empty(lanes, dtype),
        np.empty(lanes, dtype),
        np.empty(lanes, dtype),
        np.empty(lanes),
    )
    for block in range(first, last, lanes):
        many = min(lanes, last - block)
        smallest[:] = 1
        mass[:] = 1
        product[:] = 1
        state[:] = 0
        for e in range(offset[0], offset[1]):
            state[following[e], :] = start[e]
        for j in range(length):
            for k in range(many):
                seen[k] = tokens[block + k, j]
            _weigh(tables, seen, state, allowed, weighed)
            if j < length - 1:
                _invert(mass, scale)
                for k in range(many):
                    product[k] *= mass[k]
                    # The log of every mass would take as long as the recursion.
                    if product[k] < 1e-100:
                        result[block + k] += math.log(product[k])
                        product[k] = 1.0
                _product(tables.into, weighed, scale, smallest, mass, state)
        for k in range(many):
            total = 0.0
            for s in range(size):
                total += weighed[s, k]
            result[block + k] += math.log(product[k]) + math.log(total)
            doubtful[block + k] = smallest[k] < least


@_compiled
def _look(rows, order, row, begin, width, block, many, j, nothing, seen):  # type: ignore[no-untyped-def]
    """Entries of position j of the segments in a block, `nothing` beyond their ends; whether there is any."""
    found = False
    for k in range(len(seen)):
        seen[k] = nothing
    for k in range(many):
        w = order[block + k]
        if j < width[w]:
            seen[k] = rows[row[w], begin[w] + j]
            found |= seen[k] != nothing
    return found


@_compiled
def _weigh(tables, seen, weight, allowed, weighed):  # type: ignore[no-untyped-def]
    """Multiply the weights of each lane by the evidence of its token."""
    size, lanes, hole = tables.size, len(seen), len(allowed) - 1
    if len(tables.evidence) > 0:
        _copy(weight.ravel(), weighed.ravel())
        for k in range(lanes):
            if seen[k] != hole:
                evidence = tables.evidence[seen[k]]
                for s in range(size):
                    weighed[s, k] *= evidence[s]
        return
    for v in range(hole + 1):
        for k in range(lanes):
            allowed[v, k] = 1 if seen[k] == v or seen[k] == hole else 0
    for s in range(size):
        token = tables.token_of[s]
        for k in range(lanes):
            weighed[s, k] = weight[s, k] * allowed[token, k]


@_compiled
def _product(bundles, vector, scale, least, mass, result):  # type: ignore[no-untyped-def]
    """Sparse matrix times vectors; see `multiply`."""
    offset, column, value, row = bundles
    multiply(offset, column, value, row, vector, scale, least, mass, result)


@_compiled
def _copy(source, target):  # type: ignore[no-untyped-def]
    for i in range(len(source)):
        target[i] = source[i]


@_compiled
def _times(left, right, result):  # type: ignore[no-untyped-def]
    for i in range(len(left)):
        result[i] = left[i] * right[i]


@_compiled
def _invert(mass, scale):  # type: ignore[no-untyped-def]
    """Factors that undo the masses; zero where nothing is left."""
    zero, one = scale.dtype.type(0), scale.dtype.type(1)
    for k in range(len(mass)):
        scale[k] = one / mass[k] if mass[k] > zero else zero


@_compiled
def _write(asked, weights, law):  # type: ignore[no-untyped-def]
    """Logs of the normalised token weights of the lanes that asked; −inf for zeros."""
    for k in range(len(asked)):
        if asked[k] >= 0:
            total = weights[0, k]
            for v in range(1, law.shape[1]):
                total += weights[v, k]
            for v in range(law.shape[1]):
                law[asked[k], v] = np.log(weights[v, k] / total) if weights[v, k] > 0 else -np.inf
