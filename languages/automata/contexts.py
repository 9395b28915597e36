"""The sparse context automaton behind n-grams: reachable contexts, edges, probabilities.

A context is the history of a position, cut to its last n − 1 tokens. Histories shorter than n − 1 are contexts of their
own, so the first tokens need no special case, and lengths below n − 1 are defined:

    context 0 = ()  →  (a)  →  (a, b)  →  …  →  n − 1 tokens, where the chain then stays.

Only reachable contexts and edges of positive probability are stored: a real text with 100 symbols and order 4 has
thousands of contexts where the dense tensor has 10⁸ entries.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse import csgraph
from torch import Tensor

DIRECT_LOOKUP_LIMIT = 1 << 22
"""Codes below this are looked up in a plain table, others by binary search."""


@dataclasses.dataclass(frozen=True)
class SparseGrams:
    """The parameters of an n-gram as sparse lists; the dense tensors and counted texts both reduce to this.

    Histories are coded in base V, oldest token first.

    Attributes:
        order: n.
        vocab_size: V.
        initial_codes: (I,) sorted codes of the first n − 1 tokens with positive probability.
        initial_probs: (I,) their probabilities.
        edge_codes: (G,) sorted codes of n-grams (context · V + token) with positive probability.
        edge_probs: (G,) probability of the last token given the first n − 1.
    """

    order: int
    vocab_size: int
    initial_codes: NDArray[np.int64]
    initial_probs: NDArray[np.float64]
    edge_codes: NDArray[np.int64]
    edge_probs: NDArray[np.float64]

    def targets(self) -> NDArray[np.int64]:
        """(G,) code of the context that each n-gram leads to."""
        return self.edge_codes % (self.vocab_size ** (self.order - 1))

    def reachable(self) -> SparseGrams:
        """The same law without the contexts that no sequence can reach.

        Raises:
            ValueError: A reachable context has no next token.
        """
        sources, source_of_edge = np.unique(self.edge_codes // self.vocab_size, return_inverse=True)
        targets = self.targets()
        starts = _positions(sources, self.initial_codes)
        follow = _positions(sources, targets)
        # One virtual node points at every initial context; breadth-first search from it finds what is reachable.
        count = len(sources)
        known = follow >= 0
        rows = np.concatenate([source_of_edge[known], np.full((starts >= 0).sum(), count)])
        columns = np.concatenate([follow[known], starts[starts >= 0]])
        graph = sparse.csr_matrix((np.ones(len(rows), dtype=np.int8), (rows, columns)), shape=(count + 1, count + 1))
        reached = np.zeros(count + 1, dtype=bool)
        reached[csgraph.breadth_first_order(graph, count, return_predecessors=False)] = True
        keep = reached[source_of_edge]
        dangling = np.concatenate([self.initial_codes[starts < 0], targets[keep & ~known]])
        if len(dangling):
            context = _decode(dangling[:1], self.order - 1, self.vocab_size)[0].tolist()
            raise ValueError(f"transition: the reachable context {context} has no next token")
        return dataclasses.replace(self, edge_codes=self.edge_codes[keep], edge_probs=self.edge_probs[keep])


class ContextAutomaton:
    """Reachable contexts and their outgoing edges, sorted by (history length, context, token).

    Attributes:
        order: n.
        vocab_size: V.
        grams: The parameters it was built from.
        edge_source: (E,) context an edge leaves.
        edge_token: (E,) token it emits.
        edge_target: (E,) context it enters.
        edge_prob: (E,) its probability, > 0.
        offsets: (S + 1,) edges of context s are offsets[s] … offsets[s + 1] − 1.
        last_token: (S,) last token of each context, −1 for the empty one.
        depth: (S,) history length of each context, 0 … n − 1.
    """

    def __init__(self, grams: SparseGrams, device: torch.device | str = "cpu") -> None:
        if grams.vocab_size**grams.order >= 2**62:
            raise ValueError(f"vocab_size={grams.vocab_size} to the power order={grams.order} does not fit in 62 bits")
        self.grams = grams.reachable()
        self.order, self.vocab_size = grams.order, grams.vocab_size
        levels = self._levels()
        counts = [len(level.contexts) for level in levels]
        first_state = np.concatenate([[0], np.cumsum(counts)]).astype(np.int64)
        first_edge = np.concatenate([[0], np.cumsum([len(level.codes) for level in levels])]).astype(np.int64)
        source, token, target, probability = [], [], [], []
        for depth, level in enumerate(levels):
            following = levels[min(depth + 1, self.order - 1)]
            suffix = level.codes % (self.vocab_size ** min(depth + 1, self.order - 1))
            source.append(first_state[depth] + _positions(level.contexts, level.codes // self.vocab_size))
            token.append(level.codes % self.vocab_size)
            target.append(first_state[min(depth + 1, self.order - 1)] + _positions(following.contexts, suffix))
            probability.append(level.probs)
        self.device = torch.device(device)
        self.edge_source = self._tensor(np.concatenate(source))
        self.edge_token = self._tensor(np.concatenate(token))
        self.edge_target = self._tensor(np.concatenate(target))
        self.edge_prob = self._tensor(np.concatenate(probability))
        self.device = self.edge_prob.device  # "cuda" has become "cuda:0"
        self.depth = self._tensor(np.repeat(np.arange(self.order), counts))
        self.last_token = self._tensor(
            np.concatenate([level.contexts % self.vocab_size if d else [-1] for d, level in enumerate(levels)])
        )
        self.num_contexts = int(first_state[-1])
        self.offsets = torch.searchsorted(
            self.edge_source, torch.arange(self.num_contexts + 1, device=self.device), right=False
        )
        self._edges = [
            _Lookup(self._tensor(level.codes), depth + 1, self.vocab_size, int(first_edge[depth]))
            for depth, level in enumerate(levels)
        ]
        self._contexts = [
            _Lookup(self._tensor(level.contexts), depth, self.vocab_size, int(first_state[depth]))
            for depth, level in enumerate(levels)
        ]

    def _levels(self) -> list[_Level]:
        """Edges by history length: prefixes of the initial law, then the n-grams themselves."""
        grams, levels = self.grams, []
        below = np.array([0], dtype=np.int64), np.array([1.0])
        for depth in range(self.order - 1):
            codes, marginals = _prefix_marginals(grams, depth + 1)
            parents = _positions(below[0], codes // self.vocab_size)
            levels.append(_Level(below[0], codes, marginals / below[1][parents]))
            below = codes, marginals
        contexts = np.unique(grams.edge_codes // self.vocab_size)
        levels.append(_Level(contexts, grams.edge_codes, grams.edge_probs))
        return levels

    def _tensor(self, array: NDArray[np.generic]) -> Tensor:
        dtype = torch.float64 if array.dtype.kind == "f" else torch.int64
        return torch.as_tensor(np.ascontiguousarray(array)).to(device=self.device, dtype=dtype)

    def to(self, device: torch.device | str) -> ContextAutomaton:
        """The same automaton on another device."""
        return ContextAutomaton(self.grams, device)

    @property
    def num_edges(self) -> int:
        """E."""
        return len(self.edge_prob)

    @functools.cached_property
    def edge_log_prob(self) -> Float[Tensor, " E+1"]:
        """Log-probability of each edge, and −inf last: the index −1 of a missing edge reads it."""
        return torch.cat([self.edge_prob.log(), self.edge_prob.new_full((1,), -math.inf)])

    @functools.cached_property
    def edge_cdf(self) -> Float[Tensor, " E"]:
        """Running sum of the probabilities within each context."""
        # Column by column: differences of one global running sum would lose digits when there are many contexts.
        column = torch.arange(self.num_edges, device=self.device) - self.offsets[self.edge_source]
        order = torch.argsort(column, stable=True)
        cdf = self.edge_prob.clone()
        for edges in order.split(torch.bincount(column).tolist())[1:]:
            cdf[edges] += cdf[edges - 1]
        return cdf

    def edges_of(self, tokens: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
        """Index of the edge each token takes after those before it; −1 where there is none or a hole is in view."""
        length = tokens.shape[1]
        edges = torch.empty_like(tokens)
        for position in range(min(self.order - 1, length)):
            edges[:, position] = self._edges[position](tokens[:, : position + 1])
        if length >= self.order:
            edges[:, self.order - 1 :] = self._edges[-1](tokens.unfold(1, self.order, 1))
        return edges

    def contexts_of(self, histories: Int[Tensor, "K H"]) -> Int[Tensor, " K"]:
        """State of each history of H ≤ n − 1 tokens; −1 where no sequence reaches it or it has a hole."""
        return self._contexts[histories.shape[1]](histories)


class _Lookup:
    """Index of token strings in a sorted list of codes: a plain table where it is small, else binary search."""

    def __init__(self, codes: Int[Tensor, " C"], length: int, vocab_size: int, first: int) -> None:
        self.codes, self.vocab_size, self.first = codes, vocab_size, first
        self.table: Tensor | None = None
        if vocab_size**length <= DIRECT_LOOKUP_LIMIT:
            self.table = torch.full((vocab_size**length,), -1, dtype=torch.int64, device=codes.device)
            self.table[codes] = torch.arange(first, first + len(codes), device=codes.device)

    def __call__(self, strings: Int[Tensor, "*K H"]) -> Int[Tensor, "*K"]:
        """`first` plus the place of each string among the codes; −1 where it is absent or has a hole."""
        code = torch.zeros(strings.shape[:-1], dtype=torch.int64, device=strings.device)
        holes = torch.zeros_like(code, dtype=torch.bool)
        for tokens in strings.unbind(-1):
            code = code * self.vocab_size + tokens
            holes |= tokens == self.vocab_size
        code.masked_fill_(holes, 0)
        if self.table is not None:
            return self.table[code].masked_fill_(holes, -1)
        place = torch.searchsorted(self.codes, code).clamp_(max=len(self.codes) - 1)
        return torch.where((self.codes[place] == code) & ~holes, place + self.first, -1)


@dataclasses.dataclass(frozen=True)
class _Level:
    """Contexts of one history length (sorted codes), their edges (sorted codes) and the edges' probabilities."""

    contexts: NDArray[np.int64]
    codes: NDArray[np.int64]
    probs: NDArray[np.float64]


def _prefix_marginals(grams: SparseGrams, length: int) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Codes and probabilities of the first `length` ≤ n − 1 tokens."""
    prefixes = grams.initial_codes // grams.vocab_size ** (grams.order - 1 - length)
    codes, index = np.unique(prefixes, return_inverse=True)
    marginals = np.zeros(len(codes))
    np.add.at(marginals, index, grams.initial_probs)
    return codes, marginals


def _positions(codes: NDArray[np.int64], wanted: NDArray[np.int64]) -> NDArray[np.int64]:
    """Index of each wanted code in the sorted array `codes`, −1 where absent."""
    place = np.minimum(np.searchsorted(codes, wanted), len(codes) - 1)
    return np.where(codes[place] == wanted, place, -1)


def _decode(codes: NDArray[np.int64], length: int, vocab_size: int) -> NDArray[np.int64]:
    """(K, length) tokens of each code."""
    return np.stack([codes // vocab_size ** (length - 1 - i) % vocab_size for i in range(length)], axis=-1)
