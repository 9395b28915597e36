"""Batched forward–backward with hidden positions: one engine for hidden Markov models and n-grams.

Shapes: S states, V tokens, B rows of length T. Vectors over states are columns, (S, B), so that a dense and a sparse
transition are the same matrix product. A revealed token multiplies its row by P(token | state), a hidden one by ones.

Three algebras share the recursion. The *linear* one rescales each step and is fast. Where it ends in zero although
underflow could be the reason, the *boolean* one decides what is truly impossible, and the *log* one computes the rest.
"""

from __future__ import annotations

import abc
import math
import warnings
from collections.abc import Callable, Iterator

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.contexts import ContextAutomaton

CHUNK_ENTRIES = 1 << 24
"""Entries of the largest array that one call holds (128 MiB in float64)."""
EVIDENCE_TABLE_LIMIT = 1 << 22
"""Entries of the table P(token | context) of an n-gram; beyond, tokens are compared as they come."""
SAFE_LOG = -600.0
"""exp of this is far above the smallest float64: a product that cannot fall below it cannot underflow."""
SUSPECT = 1e-280
"""Totals below this may have lost digits to underflow."""


class HiddenChain(abc.ABC):
    """A Markov chain on hidden states that emits one token on entering each.

    Attributes:
        num_states: S.
        vocab_size: V.
        log_floor: Log of the smallest positive factor that one step can contribute.
    """

    num_states: int
    vocab_size: int
    log_floor: float

    @abc.abstractmethod
    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        """Weights of the next state: Pᵀ · law."""

    @abc.abstractmethod
    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        """Weight of the future seen from the state before: P · weight."""

    @abc.abstractmethod
    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        """P(token | state), ones where the token is hidden."""

    @abc.abstractmethod
    def token_law(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "B V"]:
        """Weights of the token emitted, given weights of the state."""

    @abc.abstractmethod
    def log_edges(self) -> tuple[Int[Tensor, " E"], Int[Tensor, " E"], Float[Tensor, " E"]]:
        """Source, target and log-probability of every transition of positive probability."""

    @abc.abstractmethod
    def log_emissions(self) -> tuple[Int[Tensor, " F"], Int[Tensor, " F"], Float[Tensor, " F"]]:
        """State, token and log-probability of every emission of positive probability."""


class DenseChain(HiddenChain):
    """Transition (S, S) and emission (S, V) as dense matrices."""

    def __init__(self, transition: Float[Tensor, "S S"], emission: Float[Tensor, "S V"]) -> None:
        self.num_states, self.vocab_size = emission.shape
        self.transition, self.emission = transition, emission
        self.log_floor = float((transition[transition > 0].min() * emission[emission > 0].min()).log())
        self._backwards = transition.T.contiguous()
        self._evidence = torch.cat([emission, torch.ones_like(emission[:, :1])], dim=1)

    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._backwards @ law

    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self.transition @ weight

    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        return self._evidence.index_select(1, tokens)

    def token_law(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "B V"]:
        return weight.T @ self.emission

    def log_edges(self) -> tuple[Tensor, Tensor, Tensor]:
        source, target = self.transition.nonzero().unbind(1)
        return source, target, self.transition[source, target].log()

    def log_emissions(self) -> tuple[Tensor, Tensor, Tensor]:
        state, token = self.emission.nonzero().unbind(1)
        return state, token, self.emission[state, token].log()


class ContextChain(HiddenChain):
    """Contexts of an n-gram as states; entering a context emits its last token. The transition is sparse."""

    def __init__(self, automaton: ContextAutomaton) -> None:
        self.num_states, self.vocab_size = automaton.num_contexts, automaton.vocab_size
        self.automaton = automaton
        self.log_floor = float(automaton.edge_prob.min().log())
        with warnings.catch_warnings():
            warnings.filterwarnings(
                "ignore", message="Sparse CSR tensor support is in beta state", category=UserWarning
            )
            self._forwards = self._matrix(automaton.edge_source, automaton.edge_target)
            self._backwards = self._matrix(automaton.edge_target, automaton.edge_source)
            # The empty context (state 0, no last token) is never entered.
            entered = torch.arange(1, self.num_states, device=automaton.device)
            ones = torch.ones(len(entered), dtype=torch.float64, device=automaton.device)
            self._by_token = _csr(automaton.last_token[1:], entered, ones, (self.vocab_size, self.num_states))
        self._evidence: Tensor | None = None
        if self.num_states * (self.vocab_size + 1) <= EVIDENCE_TABLE_LIMIT:
            self._evidence = torch.cat([self._by_token.to_dense().T, torch.ones_like(automaton.depth)[:, None]], dim=1)

    def _matrix(self, row: Int[Tensor, " E"], column: Int[Tensor, " E"]) -> Tensor:
        return _csr(row, column, self.automaton.edge_prob, (self.num_states, self.num_states))

    def predict(self, law: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._backwards @ law

    def retrodict(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
        return self._forwards @ weight

    def evidence(self, tokens: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        if self._evidence is not None:
            return self._evidence.index_select(1, tokens)
        matches = self.automaton.last_token[:, None] == tokens
        return (matches | (tokens == self.vocab_size)).to(torch.float64)

    def token_law(self, weight: Float[Tensor, "S B"]) -> Float[Tensor, "B V"]:
        return (self._by_token @ weight).T

    def log_edges(self) -> tuple[Tensor, Tensor, Tensor]:
        return self.automaton.edge_source, self.automaton.edge_target, self.automaton.edge_prob.log()

    def log_emissions(self) -> tuple[Tensor, Tensor, Tensor]:
        entered = torch.arange(1, self.num_states, device=self.automaton.device)
        return (
            entered,
            self.automaton.last_token[1:],
            torch.zeros(len(entered), dtype=torch.float64, device=entered.device),
        )

    def first(self, contexts: Int[Tensor, " B"]) -> Float[Tensor, "S B"]:
        """Law of the state after the next token, from the context before it; zero for the context −1."""
        start = torch.zeros(self.num_states, len(contexts), dtype=torch.float64, device=contexts.device)
        start[contexts.clamp(min=0), torch.arange(len(contexts), device=contexts.device)] = (contexts >= 0).double()
        return self.predict(start)


def _csr(row: Int[Tensor, " E"], column: Int[Tensor, " E"], value: Tensor, shape: tuple[int, int]) -> Tensor:
    """Compressed sparse rows of the given entries."""
    entries = torch.sparse_coo_tensor(torch.stack([row, column]), value, shape, check_invariants=False)
    return entries.coalesce().to_sparse_csr()


def log_likelihood(chain: HiddenChain, first: Float[Tensor, "S B"], tokens: Int[Tensor, "B T"]) -> Float[Tensor, " B"]:
    """Log-probability (nats) of the revealed tokens of each row, hidden ones summed out.

    Args:
        chain: The chain.
        first: (S, B) law of the first state of each row.
        tokens: (B, T) with holes.
    """
    pieces = []
    for rows in _chunks(len(tokens), chain.num_states):
        state, window = first[:, rows], tokens[rows]
        total = state.new_zeros(state.shape[1])
        doubtful = torch.zeros_like(total, dtype=torch.bool)
        for position in range(window.shape[1]):
            state = state * chain.evidence(window[:, position])
            mass = state.sum(0)
            total += mass.log()
            doubtful |= mass < SUSPECT
            state = chain.predict(state / torch.where(mass > 0, mass, 1.0))
        if chain.log_floor * window.shape[1] < SAFE_LOG and bool(doubtful.any()):
            total[doubtful] = _log_forward(chain, first[:, rows][:, doubtful], window[doubtful])
        pieces.append(total)
    return torch.cat(pieces) if pieces else first.new_zeros(0)


def supports(chain: HiddenChain, first: Float[Tensor, "S B"], tokens: Int[Tensor, "B T"]) -> Bool[Tensor, " B"]:
    """Whether the revealed tokens of each row have positive probability, decided by exact zeros."""
    pieces = []
    for rows in _chunks(len(tokens), chain.num_states):
        state = _boolean(first[:, rows])
        for position in range(tokens.shape[1]):
            state = _boolean(state * chain.evidence(tokens[rows, position]))
            if position + 1 < tokens.shape[1]:
                state = _boolean(chain.predict(state))
        pieces.append((state > 0).any(0))
    return torch.cat(pieces) if pieces else torch.zeros(0, dtype=torch.bool, device=tokens.device)


def hidden_weights(
    chain: HiddenChain, first: Float[Tensor, "S B"], tokens: Int[Tensor, "B T"], wanted: Bool[Tensor, "B T"]
) -> Float[Tensor, "B T V"]:
    """Unnormalised law of each wanted token given the revealed ones elsewhere; all zero where that is impossible.

    Args:
        chain: The chain.
        first: (S, B) law of the first state of each row.
        tokens: (B, T) with holes.
        wanted: (B, T) positions whose law is asked for; the rest of the result is zero. A revealed one among them is
            treated as hidden for its own law (leave-one-out).
    """
    result = torch.zeros(*tokens.shape, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    for rows in _chunks(len(tokens), chain.num_states * tokens.shape[1]):
        part = _forward_backward(chain, first[:, rows], tokens[rows], wanted[rows], _rescaled)
        if chain.log_floor * tokens.shape[1] < SAFE_LOG:
            suspects = (wanted[rows] & (part.sum(-1) < SUSPECT)).any(1).nonzero()[:, 0]
            for few in suspects.split(max(1, len(suspects) // 64)):
                index = rows.start + few
                _settle(chain, first[:, index], tokens[index], wanted[index], part, few)
        result[rows] = part
    return result


def _settle(
    chain: HiddenChain, first: Tensor, tokens: Tensor, wanted: Tensor, part: Float[Tensor, "B T V"], rows: Tensor
) -> None:
    """Recompute suspect rows of `part`: zero where exact zeros say so, from the log domain elsewhere."""
    possible = _forward_backward(chain, first, tokens, wanted, _boolean).sum(-1) > 0
    logs = _log_forward_backward(chain, first, tokens, wanted)
    top = logs.amax(-1, keepdim=True)
    weights = (logs - torch.where(top.isneginf(), 0.0, top)).exp()
    part[rows] = torch.where(possible[..., None], weights, 0.0)


def _forward_backward(
    chain: HiddenChain,
    first: Float[Tensor, "S B"],
    tokens: Int[Tensor, "B T"],
    wanted: Bool[Tensor, "B T"],
    rescale: Callable[[Tensor], Tensor],
) -> Float[Tensor, "B T V"]:
    batch, length = tokens.shape
    result = torch.zeros(batch, length, chain.vocab_size, dtype=torch.float64, device=tokens.device)
    predicted = torch.empty(length, chain.num_states, batch, dtype=torch.float64, device=tokens.device)
    columns, asked = tokens.T.contiguous(), wanted.any(0).tolist()
    # One step shrinks what survives by at most exp(log_floor): rescaling may wait while that stays far from underflow.
    patience = max(1, int(0.25 * SAFE_LOG / min(chain.log_floor, -1e-9)))
    state = first
    for position in range(length):
        predicted[position] = state
        if position + 1 < length:
            state = chain.predict(state * chain.evidence(columns[position]))
            if position % patience == patience - 1:
                state = rescale(state)
    future = torch.ones_like(first)
    for position in reversed(range(length)):
        if asked[position]:
            result[:, position] = chain.token_law(predicted[position] * future)
        if position:
            future = chain.retrodict(future * chain.evidence(columns[position]))
            if position % patience == 0:
                future = rescale(future)
    return result.masked_fill_(~wanted[..., None], 0.0)


def _log_forward(chain: HiddenChain, first: Tensor, tokens: Tensor) -> Float[Tensor, " B"]:
    state = first.log()
    for position in range(tokens.shape[1]):
        state = state + chain.evidence(tokens[:, position]).log()
        if position + 1 < tokens.shape[1]:
            state = _log_step(chain, state, backwards=False)
    return state.logsumexp(0)


def _log_forward_backward(chain: HiddenChain, first: Tensor, tokens: Tensor, wanted: Tensor) -> Float[Tensor, "B T V"]:
    length = tokens.shape[1]
    predicted = [first.log()]
    for position in range(length - 1):
        predicted.append(_log_step(chain, predicted[-1] + chain.evidence(tokens[:, position]).log(), backwards=False))
    state, token, emission = chain.log_emissions()
    result = torch.full((*tokens.shape, chain.vocab_size), -math.inf, dtype=torch.float64, device=tokens.device)
    future = torch.zeros_like(first)
    for position in reversed(range(length)):
        weight = (predicted[position] + future)[state] + emission[:, None]
        law = _scatter_logsumexp(weight, token, chain.vocab_size)
        result[:, position] = torch.where(wanted[:, position, None], law.T, -math.inf)
        if position:
            future = _log_step(chain, future + chain.evidence(tokens[:, position]).log(), backwards=True)
    return result


def _log_step(chain: HiddenChain, weight: Float[Tensor, "S B"], *, backwards: bool) -> Float[Tensor, "S B"]:
    source, target, log_prob = chain.log_edges()
    if backwards:
        source, target = target, source
    return _scatter_logsumexp(weight[source] + log_prob[:, None], target, chain.num_states)


def _scatter_logsumexp(values: Float[Tensor, "E B"], groups: Int[Tensor, " E"], count: int) -> Float[Tensor, "G B"]:
    """Log of the sum of exponentials within each group of rows; −inf for an empty or impossible group."""
    where = groups[:, None].expand_as(values)
    top = values.new_full((count, values.shape[1]), -math.inf).scatter_reduce_(0, where, values, "amax")
    finite = torch.where(top.isneginf(), 0.0, top)
    total = torch.zeros_like(top).index_add_(0, groups, (values - finite[groups]).exp())
    return total.log() + finite


def _rescaled(weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
    mass = weight.sum(0)
    return weight / torch.where(mass > 0, mass, 1.0)


def _boolean(weight: Float[Tensor, "S B"]) -> Float[Tensor, "S B"]:
    return (weight > 0).to(torch.float64)


def _chunks(rows: int, entries_per_row: int) -> Iterator[slice]:
    """Slices of rows that keep arrays of `entries_per_row` within the chunk budget."""
    size = max(1, CHUNK_ENTRIES // max(1, entries_per_row))
    for start in range(0, rows, size):
        yield slice(start, min(rows, start + size))


__all__ = ["ContextChain", "DenseChain", "HiddenChain", "hidden_weights", "log_likelihood", "supports"]
