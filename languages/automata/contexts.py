"""The sparse context automaton behind n-grams: reachable contexts, edges, probabilities.

A context is the history of a position, cut to its last n − 1 tokens. Histories shorter than n − 1 are contexts of their
own, so the first tokens need no special case, and lengths below n − 1 are defined:

    context 0 = ()  →  (a)  →  (a, b)  →  …  →  n − 1 tokens, where the chain then stays.

Only reachable contexts and edges of positive probability are stored: a text of a million words over 10⁵ different ones
has a million contexts of order 5 where the dense tensor has 10²⁵ entries.
"""

from __future__ import annotations

import copy
import functools
import math

import numpy as np
import torch
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages.automata.grams import SparseGrams
from languages.automata.walks import states_of

DIRECT_LOOKUP_LIMIT = 1 << 22
"""n-grams are looked up in a plain table where Vⁿ is at most this, others by search."""


class ContextAutomaton:
    """Reachable contexts and their outgoing edges, sorted by (history length, context, token).

    Attributes:
        order: n.
        vocab_size: V.
        grams: The parameters it was built from, without contexts that cannot be reached.
        num_contexts: S.
        device: Where the tensors live.
        edge_source: (E,) context an edge leaves.
        edge_token: (E,) token it emits.
        edge_target: (E,) context it enters.
        edge_prob: (E,) its probability, > 0.
        offsets: (S + 1,) edges of context s are offsets[s] … offsets[s + 1] − 1.
        last_token: (S,) last token of each context, −1 for the empty one.
        depth: (S,) history length of each context, 0 … n − 1.
    """

    def __init__(self, grams: SparseGrams, device: torch.device | str = "cpu") -> None:
        self.grams, targets = grams.reachable()
        self.order, self.vocab_size = grams.order, grams.vocab_size
        tree, memory = self.grams.contexts, grams.order - 1
        # Prefixes of the initial law are states of their own; `state` maps the prefixes of each length to them.
        laws, state = _prefix_laws(self.grams), []
        source, token, target, probability, depth, last, count = [], [], [], [], [], [], 0
        for length, law in enumerate(laws):
            alive = np.ones(len(law), dtype=bool) if length == memory else law > 0
            state.append(np.where(alive, count + np.cumsum(alive) - 1, -1))
            count += int(alive.sum())
            depth.append(np.full(int(alive.sum()), length))
            last.append(tree.levels[length - 1][alive] % self.vocab_size if length else np.array([-1]))
        for length in range(memory):
            parents, tokens = np.divmod(tree.levels[length], self.vocab_size)
            taken = laws[length + 1] > 0
            source.append(state[length][parents[taken]])
            token.append(tokens[taken])
            target.append(state[length + 1][taken])
            probability.append(laws[length + 1][taken] / laws[length][parents[taken]])
        parents, tokens = np.divmod(self.grams.edge_codes, self.vocab_size)
        source.append(state[memory][parents])
        token.append(tokens)
        target.append(state[memory][targets])
        probability.append(self.grams.edge_probs)

        self.num_contexts = count
        self.edge_source = _tensor(np.concatenate(source), device)
        self.edge_token = _tensor(np.concatenate(token), device)
        self.edge_target = _tensor(np.concatenate(target), device)
        self.edge_prob = _tensor(np.concatenate(probability), device)
        self.depth, self.last_token = _tensor(np.concatenate(depth), device), _tensor(np.concatenate(last), device)
        self.offsets = torch.searchsorted(self.edge_source, torch.arange(count + 1, device=self.edge_source.device))
        self._node_state = _tensor(np.concatenate(state), device)
        self.device = self.edge_prob.device  # "cuda" has become "cuda:0"

    def to(self, device: torch.device | str) -> ContextAutomaton:
        """The same automaton on another device."""
        moved = copy.copy(self)
        for name, value in self.__dict__.items():
            if isinstance(value, Tensor):
                moved.__dict__[name] = value.to(device)
            elif name in _CACHES:
                del moved.__dict__[name]
        moved.device = moved.edge_prob.device
        return moved

    @property
    def num_edges(self) -> int:
        """E."""
        return len(self.edge_prob)

    @functools.cached_property
    def edge_log_prob(self) -> Float[Tensor, " E+1"]:
        """Log-probability of each edge, and −inf last: the index −1 of a missing edge reads it."""
        return torch.cat([self.edge_prob.log(), self.edge_prob.new_full((1,), -math.inf)])

    def edges_of(self, tokens: Int[Tensor, "B L"]) -> Int[Tensor, "B L"]:
        """Index of the edge each token takes after those before it; −1 where there is none or a hole is in view."""
        length, memory = tokens.shape[1], self.order - 1
        edges = torch.empty_like(tokens)
        state = torch.zeros_like(tokens[:, 0])
        for position in range(min(memory, length)):
            edges[:, position] = self._edge(state, tokens[:, position])
            state = self._target(edges[:, position])
        if length > memory:
            windows = tokens.unfold(1, self.order, 1)
            if self._table is not None:
                edges[:, memory:] = self._looked_up(windows)
            else:
                edges[:, memory:] = self._edge(self._state(windows[..., :-1]), windows[..., -1])
        return edges

    def contexts_of(self, histories: Int[Tensor, "K H"]) -> Int[Tensor, " K"]:
        """State of each history of H ≤ n − 1 tokens; −1 where no sequence reaches it or it has a hole."""
        if self.device.type == "cpu":
            return torch.from_numpy(states_of(histories.contiguous().numpy(), *self._node_arrays))
        return self._state(histories)

    # Lookups on any device ---------------------------------------------------------------------------------------

    def _edge(self, states: Int[Tensor, "*K"], tokens: Int[Tensor, "*K"]) -> Int[Tensor, "*K"]:
        """Edge of each state with a token; −1 where there is none, no such state, or a hole."""
        edge = _search(self._edge_keys, states * self.vocab_size + tokens)
        return edge.masked_fill_(tokens == self.vocab_size, -1)

    def _target(self, edges: Int[Tensor, "*K"]) -> Int[Tensor, "*K"]:
        return torch.where(edges >= 0, self.edge_target[edges], -1)

    def _state(self, strings: Int[Tensor, "*K H"]) -> Int[Tensor, "*K"]:
        """State of each string of H ≤ n − 1 tokens; −1 where there is none."""
        rank = torch.zeros(strings.shape[:-1], dtype=torch.int64, device=self.device)
        first = 0
        for depth, tokens in enumerate(strings.unbind(-1)):
            first += self.grams.contexts.count(depth)
            rank = _search(self._level_keys[depth], rank * self.vocab_size + tokens)
            rank = rank.masked_fill_(tokens == self.vocab_size, -1)
        return torch.where(rank >= 0, self._node_state[first + rank], -1)

    def _looked_up(self, windows: Int[Tensor, "*K n"]) -> Int[Tensor, "*K"]:
        """Edge of each n-gram, read from the table."""
        assert self._table is not None
        code = torch.zeros(windows.shape[:-1], dtype=torch.int64, device=self.device)
        for tokens in windows.unbind(-1):
            code = code * self.vocab_size + tokens
        holes = (windows == self.vocab_size).any(-1)
        return self._table[code.masked_fill_(holes, 0)].masked_fill_(holes, -1)

    @functools.cached_property
    def _table(self) -> Int[Tensor, " V^n"] | None:
        """Edge of each n-gram by its base-V code, −1 where there is none; None where Vⁿ is too many."""
        if self.vocab_size**self.order > DIRECT_LOOKUP_LIMIT:
            return None
        tree, code = self.grams.contexts, np.zeros(1, dtype=np.int64)
        for level in (*tree.levels, self.grams.edge_codes):
            parents, tokens = np.divmod(level, self.vocab_size)
            code = code[parents] * self.vocab_size + tokens
        table = np.full(self.vocab_size**self.order, -1)
        table[code] = np.arange(self.num_edges - len(code), self.num_edges)
        return _tensor(table, self.device)

    @functools.cached_property
    def _edge_keys(self) -> Int[Tensor, " E"]:
        """Sorted codes state · V + token of the edges."""
        return self.edge_source * self.vocab_size + self.edge_token

    @functools.cached_property
    def _level_keys(self) -> list[Int[Tensor, " N"]]:
        return [_tensor(level, self.device) for level in self.grams.contexts.levels]

    @functools.cached_property
    def _node_arrays(self) -> tuple[NDArray[np.int64], ...]:
        return (*self.grams.contexts.nodes, self._node_state.numpy())


def context_tokens(automaton: ContextAutomaton) -> Int[np.ndarray, "S n-1"]:
    """The tokens of each context, oldest first; short contexts are filled with −1 on the left."""
    source, target = automaton.edge_source.cpu().numpy(), automaton.edge_target.cpu().numpy()
    width = automaton.order - 1
    result = np.full((automaton.num_contexts, width), -1, dtype=np.int64)
    if width:
        result[:, -1] = automaton.last_token.cpu().numpy()
    for age in range(2, width + 1):
        # All contexts before this one agree on the token, for it is in view from here.
        result[target, -age] = result[source, 1 - age]
    return result


_CACHES = {"_level_keys", "_node_arrays"}


def _prefix_laws(grams: SparseGrams) -> list[NDArray[np.float64]]:
    """Law of the first 0, 1, …, n − 1 tokens, over the prefixes of all contexts."""
    tree = grams.contexts
    law = np.zeros(tree.count(tree.length))
    law[grams.initial_contexts] = grams.initial_probs
    laws = [law]
    for depth in reversed(range(tree.length)):
        parents = tree.levels[depth] // grams.vocab_size
        laws.append(np.bincount(parents, weights=laws[-1], minlength=tree.count(depth)).astype(np.float64))
    laws[-1] = np.ones(1)  # the empty prefix is certain, whatever rounding says
    return laws[::-1]


def _search(keys: Int[Tensor, " C"], wanted: Int[Tensor, "*K"]) -> Int[Tensor, "*K"]:
    """Place of each wanted key in the sorted `keys`, −1 where absent; keys are never negative."""
    place = torch.searchsorted(keys, wanted).clamp_(max=len(keys) - 1)
    return torch.where(keys[place] == wanted, place, -1)


def _tensor(array: NDArray[np.generic], device: torch.device | str) -> Tensor:
    dtype = torch.float64 if array.dtype.kind == "f" else torch.int64
    return torch.as_tensor(np.ascontiguousarray(array)).to(device=device, dtype=dtype)
