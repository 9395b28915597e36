"""Markov chains on hidden states, as the recursions of inference see them: hidden Markov models and n-grams.

Shapes: S states, V tokens, B rows. Vectors over states are columns, (S, B), so that a dense and a sparse transition are
the same matrix product.
"""

from __future__ import annotations

import abc
import functools
import warnings

import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.automata.contexts import ContextAutomaton


class HiddenChain(abc.ABC):
    """A Markov chain on hidden states that emits one token on entering each.

    Attributes:
        num_states: S.
        vocab_size: V.
        log_start: Log of the smallest positive entry of the law of the first state.
        log_floor: Log of the smallest positive factor that one step, transition and emission, contributes.
        token_evidence: (V + 1, R) P(token | state) for each class of states that emit alike; ones for a hole.
        emission_class: (S,) the class of each state, None where every state is its own.
    """

    num_states: int
    vocab_size: int
    log_start: float
    log_floor: float
    token_evidence: Float[Tensor, "V+1 R"]
    emission_class: Int[Tensor, " S"] | None = None

    @abc.abstractmethod
    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        """Law of the state after the next token, given what came before; 0 is the start of a sequence."""

    @abc.abstractmethod
    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        """Weights of the next state: Pᵀ · law."""

    @abc.abstractmethod
    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        """Weight of the future seen from the state before: P · weight."""

    @abc.abstractmethod
    def token_law(self, weight: Float[Tensor, "S K"]) -> Float[Tensor, "K V"]:
        """Weights of the token emitted, given weights of the state."""

    @property
    @abc.abstractmethod
    def log_edges(self) -> tuple[Int[Tensor, " E"], Int[Tensor, " E"], Float[Tensor, " E"]]:
        """Source, target and log-probability of every transition of positive probability."""

    @property
    @abc.abstractmethod
    def log_emissions(self) -> tuple[Int[Tensor, " F"], Int[Tensor, " F"], Float[Tensor, " F"]]:
        """State, token and log-probability of every emission of positive probability."""

    def evidence(self, tokens: Int[Tensor, "B T"]) -> Float[Tensor, "T R B"]:
        """P(token | class of states) at every position; `spread` makes it (S, B)."""
        return self.token_evidence[tokens.T].transpose(1, 2).contiguous()

    def spread(self, evidence: Float[Tensor, "R B"]) -> Float[Tensor, "S B"]:
        """Evidence of each state from that of its class."""
        return evidence if self.emission_class is None else evidence.index_select(0, self.emission_class)


class DenseChain(HiddenChain):
    """Initial law (S,), transition (S, S) and emission (S, V) as dense arrays."""

    def __init__(
        self, initial: Float[Tensor, " S"], transition: Float[Tensor, "S S"], emission: Float[Tensor, "S V"]
    ) -> None:
        self.num_states, self.vocab_size = emission.shape
        self.initial, self.transition, self.emission = initial, transition, emission
        self.log_start = _log_smallest(initial)
        self.log_floor = _log_smallest(transition) + _log_smallest(emission)
        self.token_evidence = torch.cat([emission.T, torch.ones_like(emission.T[:1])])
        self._backwards = transition.T.contiguous()

    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        return self.initial[:, None].expand(-1, len(contexts))

    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._backwards @ law

    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self.transition @ weight

    def token_law(self, weight: Float[Tensor, "S K"]) -> Float[Tensor, "K V"]:
        return weight.T @ self.emission

    @functools.cached_property
    def log_edges(self) -> tuple[Tensor, Tensor, Tensor]:
        source, target = self.transition.nonzero().unbind(1)
        return source, target, self.transition[source, target].log()

    @functools.cached_property
    def log_emissions(self) -> tuple[Tensor, Tensor, Tensor]:
        state, token = self.emission.nonzero().unbind(1)
        return state, token, self.emission[state, token].log()


class ContextChain(HiddenChain):
    """Contexts of an n-gram as states; entering a context emits its last token. The transition is sparse."""

    def __init__(self, automaton: ContextAutomaton) -> None:
        self.num_states, self.vocab_size = automaton.num_contexts, automaton.vocab_size
        self.automaton = automaton
        self.log_start = self.log_floor = _log_smallest(automaton.edge_prob)
        # States emit alike if their last token is the same. The empty context (state 0) is never entered: class V.
        self.emission_class = automaton.last_token.where(automaton.last_token >= 0, self.vocab_size)
        one_token = torch.eye(self.vocab_size, self.vocab_size + 1, dtype=torch.float64, device=automaton.device)
        self.token_evidence = torch.cat([one_token, torch.ones_like(one_token[:1])])
        with warnings.catch_warnings():
            # What torch says of sparse tensors in general, once a process: neither is about these ones.
            for message in ("Sparse CSR tensor support is in beta state", "Sparse invariant checks are implicitly"):
                warnings.filterwarnings("ignore", message=message, category=UserWarning)
            shape = self.num_states, self.num_states
            self._forwards = _csr(automaton.edge_source, automaton.edge_target, automaton.edge_prob, shape)
            self._backwards = _csr(automaton.edge_target, automaton.edge_source, automaton.edge_prob, shape)
            state, token, log_prob = self.log_emissions
            self._by_token = _csr(token, state, log_prob.exp(), (self.vocab_size, self.num_states))

    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        """Law of the state after the next token, from the context before it; zero for the context −1."""
        before = torch.zeros(self.num_states, len(contexts), dtype=torch.float64, device=contexts.device)
        before[contexts.clamp(min=0), torch.arange(len(contexts), device=contexts.device)] = (contexts >= 0).double()
        return self.predict(before)

    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._backwards @ law

    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._forwards @ weight

    def token_law(self, weight: Float[Tensor, "S K"]) -> Float[Tensor, "K V"]:
        return (self._by_token @ weight).T

    @functools.cached_property
    def log_edges(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.automaton.edge_source, self.automaton.edge_target, self.automaton.edge_prob.log()

    @functools.cached_property
    def log_emissions(self) -> tuple[Tensor, Tensor, Tensor]:
        entered = torch.arange(1, self.num_states, device=self.automaton.device)
        certain = torch.zeros(len(entered), dtype=torch.float64, device=entered.device)
        return entered, self.automaton.last_token[1:], certain


def _csr(row: Int[Tensor, " E"], column: Int[Tensor, " E"], value: Tensor, shape: tuple[int, int]) -> Tensor:
    """Compressed sparse rows of the given entries."""
    entries = torch.sparse_coo_tensor(torch.stack([row, column]), value, shape, check_invariants=False)
    return entries.coalesce().to_sparse_csr()


def _log_smallest(probs: Float[Tensor, ...]) -> float:
    """Log of the smallest positive entry."""
    return float(probs[probs > 0].min().log())
