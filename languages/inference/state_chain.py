"""Markov chains on hidden states, as the recursions of inference see them: hidden Markov models and n-grams.

Shapes: S states, V tokens, B rows. Vectors over states are rows, (B, S).
"""

from __future__ import annotations

import abc
import functools
import math
import warnings
from typing import NamedTuple

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.automata.contexts import ContextAutomaton

LOG_SMALLEST = {torch.float64: -700.0, torch.float32: -85.0}
"""Log of a weight that is still an ordinary number of each precision, with every digit."""
LOG_CAUTIOUS = {torch.float64: -50.0, torch.float32: -20.0}
"""A chain whose weights are in danger of underflow above this is beyond the linear algebra of that precision."""


class Entries(NamedTuple):
    """The positive entries of a table, sorted by row."""

    row: Int[Tensor, " E"]
    column: Int[Tensor, " E"]
    prob: Float[Tensor, " E"]


class StateChain(abc.ABC):
    """A Markov chain on hidden states that emits one token on entering each.

    Attributes:
        num_states: S.
        vocab_size: V.
        dtype: The precision of its tables.
        starts: Positive entries of P(state after the next token | context), one row for each context.
        edges: Positive entries of P(next state | state).
        emissions: Positive entries of P(token | state); states that no token enters have none.
        log_start: Log of the smallest entry of `starts`.
        log_edge: Log of the smallest entry of `edges`.
        log_emission: Log of the smallest entry of `emissions`.
    """

    num_states: int
    vocab_size: int
    dtype: torch.dtype
    starts: Entries
    edges: Entries
    emissions: Entries
    log_start: float
    log_edge: float
    log_emission: float

    @abc.abstractmethod
    def in_precision(self, dtype: torch.dtype) -> StateChain:
        """The same chain with its tables in another precision; `holds` says whether none of its zeros is new."""

    @abc.abstractmethod
    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        """Law of the state after the next token, given what came before; 0 is the start of a sequence."""

    @abc.abstractmethod
    def predict(self, law: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        """Weights of the next state: law · P."""

    @abc.abstractmethod
    def retrodict(self, weight: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        """Weight of the future seen from the state before: weight · Pᵀ."""

    @abc.abstractmethod
    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        """P(token | state); ones for a hole."""

    @abc.abstractmethod
    def token_law(self, weight: Float[Tensor, "K S"]) -> Float[Tensor, "K V"]:
        """Weights of the token emitted, given weights of the state."""

    @property
    def log_floor(self) -> float:
        """Log of the smallest positive factor that one step, transition and emission, contributes."""
        return self.log_edge + self.log_emission

    def log_least(self, dtype: torch.dtype, steps: int = 1) -> float:
        """Log of the least weight that survives `steps` steps, and the product of past and future before the last.

        A weight of the past and one of the future, each at most steps − 1 steps from where it was above the bound, meet
        in a product with an emission; and each must outlive the step that follows.
        """
        smallest = LOG_SMALLEST[dtype]
        meeting = (smallest - self.log_emission) / 2 - (steps - 1) * self.log_floor
        return max(meeting, smallest - steps * self.log_floor)

    def holds(self, dtype: torch.dtype) -> bool:
        """Whether the linear algebra of this precision can tell what underflows, one step at a time."""
        # Starts need only be numbers: those too small to go on from are noted like other weights.
        return self.log_least(dtype) <= LOG_CAUTIOUS[dtype] and self.log_start >= LOG_SMALLEST[dtype]

    def never_falls_below(self, log_weight: float) -> bool:
        """Whether rescaled weights after a step are all larger: every state leads to every other."""
        full = len(self.edges.prob) == self.num_states**2
        return full and min(self.log_edge - math.log(self.num_states), self.log_start) >= log_weight


class DenseChain(StateChain):
    """Initial law (S,), transition (S, S) and emission (S, V) as dense arrays."""

    def __init__(
        self, initial: Float[Tensor, " S"], transition: Float[Tensor, "S S"], emission: Float[Tensor, "S V"]
    ) -> None:
        self.num_states, self.vocab_size = emission.shape
        self.dtype = initial.dtype
        self.initial, self.transition, self.emission = initial, transition, emission
        self.log_start, self.log_edge, self.log_emission = map(_log_smallest, (initial, transition, emission))
        self._backwards = transition.T.contiguous()
        self._evidence = torch.cat([emission.T, torch.ones_like(emission.T[:1])])

    def in_precision(self, dtype: torch.dtype) -> DenseChain:
        return DenseChain(*(table.to(dtype) for table in (self.initial, self.transition, self.emission)))

    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        return self.initial.expand(len(contexts), -1)

    def predict(self, law: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        return law @ self.transition

    def retrodict(self, weight: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        return weight @ self._backwards

    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        return self._evidence.index_select(0, tokens)

    def token_law(self, weight: Float[Tensor, "K S"]) -> Float[Tensor, "K V"]:
        return weight @ self.emission

    @functools.cached_property
    def starts(self) -> Entries:  # type: ignore[override]
        return _entries(self.initial[None])

    @functools.cached_property
    def edges(self) -> Entries:  # type: ignore[override]
        return _entries(self.transition)

    @functools.cached_property
    def emissions(self) -> Entries:  # type: ignore[override]
        return _entries(self.emission)


class ContextChain(StateChain):
    """Contexts of an n-gram as states; entering a context emits its last token. The transition is sparse."""

    log_emission = 0.0

    def __init__(self, automaton: ContextAutomaton, dtype: torch.dtype = torch.float64) -> None:
        self.num_states, self.vocab_size = automaton.num_contexts, automaton.vocab_size
        self.automaton, self.dtype = automaton, dtype
        self.edges = Entries(automaton.edge_source, automaton.edge_target, automaton.edge_prob.to(dtype))
        self.starts = self.edges
        self.log_start = self.log_edge = _log_smallest(automaton.edge_prob)

    def in_precision(self, dtype: torch.dtype) -> ContextChain:
        return ContextChain(self.automaton, dtype)

    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        """Law of the state after the next token, from the context before it; zero for the context −1."""
        before = torch.zeros(len(contexts), self.num_states, dtype=self.dtype, device=contexts.device)
        before.scatter_(1, contexts.clamp(min=0)[:, None], (contexts >= 0).to(self.dtype)[:, None])
        return self.predict(before)

    def predict(self, law: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        return (self._backwards @ law.T).T

    def retrodict(self, weight: Float[Tensor, "B S"]) -> Float[Tensor, "B S"]:
        return (self._forwards @ weight.T).T

    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "B S"]:
        # A table would have V² entries to say that each state emits its own token alone.
        return ((self.automaton.last_token == tokens[:, None]) | (tokens == self.vocab_size)[:, None]).to(self.dtype)

    def token_law(self, weight: Float[Tensor, "K S"]) -> Float[Tensor, "K V"]:
        return (self._by_token @ weight.T).T

    @functools.cached_property
    def emissions(self) -> Entries:  # type: ignore[override]
        # The empty context (state 0) is never entered.
        entered = torch.arange(1, self.num_states, device=self.automaton.device)
        certain = torch.ones(len(entered), dtype=self.dtype, device=entered.device)
        return Entries(entered, self.automaton.last_token[1:], certain)

    @functools.cached_property
    def rarest(self) -> tuple[Float[Tensor, " S"], Float[Tensor, " S"]]:
        """The least probability of an edge out of each context, and of one into it; one where there is none."""
        source, target, prob = self.edges
        one = torch.ones(self.num_states, dtype=self.dtype, device=prob.device)
        return one.scatter_reduce(0, source, prob, "amin"), one.scatter_reduce(0, target, prob, "amin")

    @functools.cached_property
    def _forwards(self) -> Tensor:
        return _csr(*self.edges, self.num_states, self.num_states)

    @functools.cached_property
    def _backwards(self) -> Tensor:
        source, target, prob = self.edges
        return _csr(target, source, prob, self.num_states, self.num_states)

    @functools.cached_property
    def _by_token(self) -> Tensor:
        state, token, certain = self.emissions
        return _csr(token, state, certain, self.vocab_size, self.num_states)


def _entries(table: Float[Tensor, "R C"]) -> Entries:
    row, column = table.nonzero().unbind(1)
    return Entries(row, column, table[row, column])


def _csr(row: Int[Tensor, " E"], column: Int[Tensor, " E"], value: Tensor, rows: int, columns: int) -> Tensor:
    """Compressed sparse rows of the given entries."""
    with warnings.catch_warnings():
        # What torch says of sparse tensors in general, once a process: neither is about these ones.
        for message in ("Sparse CSR tensor support is in beta state", "Sparse invariant checks are implicitly"):
            warnings.filterwarnings("ignore", message=message, category=UserWarning)
        places = torch.stack([row, column])
        entries = torch.sparse_coo_tensor(places, value, (rows, columns), check_invariants=False)
        return entries.coalesce().to_sparse_csr()


def _log_smallest(probs: Float[Tensor, ...]) -> float:
    """Log of the smallest positive entry."""
    return float(probs[probs > 0].min().log())
