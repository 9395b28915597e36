"""Forward–backward compiled for the CPU, many segments side by side.

A vector over hidden states has one lane for each segment, so a transition of positive probability is one multiply–add
on all lanes: the same instructions serve dense hidden Markov models and the sparse contexts of n-grams. Every step
rescales, and notes the segments in which a positive weight comes near the end of floating point; those are left to the
caller to settle. All else follows from the pattern of zeros, so a zero is always an exact zero of the language.

Shapes: S states, V tokens, K positions asked for, W segments. `loops` works through one block of lanes at a time.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.inference.forward_backward.loops import log_laws_of_blocks, log_likelihoods_of_blocks
from languages.inference.forward_backward.sparse_product import LANES, Bundles
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
            lambda first, last: log_laws_of_blocks(first, last, self._least, self._tables, *arrays),
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
            lambda first, last: log_likelihoods_of_blocks(
                first, last, self._vocab_size, self._least, self._tables, *arrays
            ),
            len(tokens),
            self.step_cost * tokens.numel(),
            multiple=self._tables.lanes,
        )
        return result, doubtful

    def serves(self, longest: int) -> bool:
        """Whether the weights of a block of segments up to this wide may be kept."""
        return longest * (self._num_states + 1) * self._tables.lanes <= BLOCK_ENTRIES
