"""n-gram languages of any order, stored as reachable contexts and edges."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Iterator
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.contexts import ContextAutomaton
from languages.automata.dense_grams import grams_from_tables, initial_table, transition_table
from languages.automata.grams import SparseGrams
from languages.automata.markov_chain import MarkovChain
from languages.automata.support import SupportAutomaton
from languages.automata.support_of import SUBSET_LIMIT, support_of_contexts
from languages.checks import check_count, check_tokens
from languages.closed_forms import ClosedForms
from languages.inference.complete_rows import TransitionTable
from languages.inference.dispatch import HiddenInference
from languages.inference.first_order import NearestNeighbours
from languages.inference.sampling import ChainSampler
from languages.inference.segments import cut, subset
from languages.inference.state_chain import ContextChain, StateChain
from languages.language import Language
from languages.pruning import prune_rows

NEAREST_TABLE_LIMIT = 1 << 24
"""Entries that the power tables of a first-order chain may take; beyond, forward–backward serves."""


class NGramLanguage(Language):
    """A Markov chain of order n − 1 on tokens: q(x) = q(x₁…x_{n−1}) Π_i q(x_i | x_{i−n+1} … x_{i−1}).

    Args:
        transition: (V,)·n probabilities, last axis the next token; n = 1 is an independent law.
        initial: (V,)·(n − 1) law of the first n − 1 tokens. Default: stationary, the Cesàro limit from the uniform
            start, which exists for every chain. Sequences shorter than n − 1 follow its marginals.
        name: What tables and legends call it.
        closed_forms: What is known of it without a recursion, None if nothing is.

    Raises:
        ValueError: Wrong shapes, negatives, NaN, or rows that do not sum to one.
    """

    def __init__(
        self,
        transition: object,
        initial: object = None,
        *,
        name: str | None = None,
        closed_forms: ClosedForms | None = None,
    ) -> None:
        grams = grams_from_tables(transition, initial)
        self._setup(grams, None, name or f"{grams.order}-gram")
        self.closed_forms = closed_forms

    @classmethod
    def from_grams(cls, grams: SparseGrams, *, name: str, parent: Self | None = None) -> Self:
        """Build from sparse parameters, with no dense tensor on the way."""
        language = cls.__new__(cls)
        language._setup(grams, parent, name)
        return language

    def _setup(self, grams: SparseGrams, parent: Self | None, name: str) -> None:
        self.automaton, self._grams = ContextAutomaton(grams), grams
        self.vocab_size, self.order = grams.vocab_size, grams.order
        self.parent, self.name, self.closed_forms = parent, name, None

    @property
    def transition(self) -> Float[Tensor, "*V"]:
        """(V,)·n probabilities of the next token, as given or counted; zeros after what is no context."""
        return torch.from_numpy(transition_table(self._grams)).to(self.device)

    @property
    def initial(self) -> Float[Tensor, "*V"]:
        """(V,)·(n − 1) law of the first n − 1 tokens; the number one where these are none."""
        return torch.from_numpy(initial_table(self._grams)).to(self.device)

    @property
    def device(self) -> torch.device:
        return self.automaton.device

    def to(self, device: torch.device | str) -> Self:
        if torch.device(device) == self.device:
            return self
        moved = self._bare_copy()
        moved.automaton = self.automaton.to(device)
        moved.parent = self.parent.to(device) if self.parent is not None else None
        return moved

    def pruned(self, threshold: float, *, name: str | None = None) -> Self:
        """Drop next-token probabilities below `threshold` and renormalise; the initial law stays.

        A row that would lose everything keeps its largest entry. Returns the language itself if nothing is dropped.

        Raises:
            ValueError: A threshold outside [0, 1].
        """
        grams = self.automaton.grams
        keep, probs = prune_rows(grams.edge_codes // self.vocab_size, grams.edge_probs, threshold)
        if keep.all():
            return self
        kept = dataclasses.replace(grams, edge_codes=grams.edge_codes[keep], edge_probs=probs)
        pruned = self._bare_copy()
        pruned._setup(kept, self, name or self.name)
        return pruned

    # Sampling ---------------------------------------------------------------------------------------------------

    @functools.cached_property
    def _sampler(self) -> ChainSampler:
        edges = self.automaton
        return ChainSampler(edges.offsets, edges.edge_prob, edges.edge_target, edges.edge_token)

    def sample(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        batch, length = check_count("num_sequences", num_sequences, least=0), check_count("length", length)
        return self._sampler.draw(batch, length, generator)

    # Law --------------------------------------------------------------------------------------------------------

    def log_prob(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        tokens = check_tokens(tokens, self.vocab_size, holes=False, device=self.device)
        if self.device.type == "cpu":
            return self._table.log_prob(tokens)
        return self.automaton.edge_log_prob[self.automaton.edges_of(tokens)].sum(1)

    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        return ~self.log_prob(tokens).isneginf()

    def log_marginal(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        if self.order == 1:
            free = torch.zeros(1, dtype=torch.float64, device=self.device)
            return torch.cat([self.first_order()[0].log(), free])[tokens].sum(1)
        holes = (tokens == self.mask_id).any(1)
        result = torch.empty(len(tokens), dtype=torch.float64, device=self.device)
        if not bool(holes.all()):
            result[~holes] = self.log_prob(tokens[~holes])
        if bool(holes.any()):
            result[holes] = self._inference.log_likelihood(tokens[holes])
        return result

    @functools.cached_property
    def _table(self) -> TransitionTable:
        return TransitionTable(self.automaton)

    @property
    def state_chain(self) -> StateChain:
        """The chain on its contexts that inference works on; state 0, the empty context, emits no token."""
        return self._inference.chain

    @functools.cached_property
    def _inference(self) -> HiddenInference:
        return HiddenInference(ContextChain(self.automaton))

    @functools.cached_property
    def _nearest(self) -> NearestNeighbours:
        return NearestNeighbours(*self.first_order())

    def first_order(self) -> tuple[Float[Tensor, " V"], Float[Tensor, "V V"]]:
        """Start (V,) and transition (V, V) of a 1-gram or 2-gram; zero rows for tokens that are never reached.

        Raises:
            ValueError: A higher order.
        """
        if self.order > 2:
            raise ValueError(f"a first-order chain is needed, {self!r} has order {self.order}")
        histories = 1 if self.order == 1 else self.vocab_size + 1
        rows = torch.zeros(histories, self.vocab_size, dtype=torch.float64, device=self.device)
        source = self.automaton.last_token[self.automaton.edge_source]
        rows[source, self.automaton.edge_token] = self.automaton.edge_prob
        start = rows[-1]
        return start, (start.expand(self.vocab_size, -1) if self.order == 1 else rows[:-1])

    def _log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        if self.order == 1:
            return self.first_order()[0].log().to(dtype).repeat(int(wanted.sum()), 1)
        if self.order > 2 or 2 * tokens.shape[1] * self.vocab_size**2 > NEAREST_TABLE_LIMIT:
            return self._segment_log_law(tokens, wanted, dtype)
        law, doubtful = self._nearest.log_laws(tokens, wanted)
        law = law.to(dtype)
        if bool(doubtful.any()):
            law[doubtful] = self._segment_log_law(tokens, subset(wanted, doubtful), dtype)
        return law

    def _segment_log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        """Log-law of hidden positions by forward–backward inside the segments that n − 1 revealed tokens cut off."""
        segments, member, alive = cut(self.automaton, tokens, wanted)
        return self._inference.log_law(tokens, wanted, segments, member, dtype, alive=alive)

    def _leave_one_out_log_law(self, tokens: Int[Tensor, "B L"], dtype: torch.dtype) -> Float[Tensor, "K V"]:
        if self.order == 1:
            return self.first_order()[0].log().to(dtype).repeat(tokens.numel(), 1)
        return self._inference.row_log_law(tokens, torch.ones_like(tokens, dtype=torch.bool), dtype)

    # Information ------------------------------------------------------------------------------------------------

    def entropy(self, length: int) -> float:
        """Exact entropy at this length, nats: the sum over positions of the expected entropy of the next token."""
        length = check_count("length", length)
        edge = self.automaton
        surprise = -edge.edge_prob * edge.edge_prob.log()
        per_context = torch.zeros(edge.num_contexts, dtype=torch.float64, device=self.device)
        per_context.index_add_(0, edge.edge_source, surprise)
        return sum(float(law @ per_context) for law in self._context_laws(length))

    def marginals(self, length: int) -> Float[Tensor, "L V"]:
        """Law of the token at each position."""
        edge = self.automaton
        result = torch.zeros(check_count("length", length), self.vocab_size, dtype=torch.float64, device=self.device)
        for row, law in zip(result, self._context_laws(len(result)), strict=True):
            row.index_add_(0, edge.edge_token, law[edge.edge_source] * edge.edge_prob)
        return result

    def _context_laws(self, length: int) -> Iterator[Float[Tensor, " S"]]:
        """Law of the context before each position."""
        law = torch.zeros(1, self.automaton.num_contexts, dtype=torch.float64, device=self.device)
        law[0, 0] = 1.0
        for _ in range(length):
            yield law[0]
            law = self.state_chain.predict(law)

    # Structure --------------------------------------------------------------------------------------------------

    def support(self, *, limit: int = SUBSET_LIMIT) -> SupportAutomaton:
        check_count("limit", limit)
        return support_of_contexts(self.automaton, getattr(self, "vocabulary", None))

    def chain(self) -> MarkovChain:
        return MarkovChain.of_contexts(self.automaton, getattr(self, "vocabulary", None))

    def __repr__(self) -> str:
        automaton = self.automaton
        grams = automaton.grams
        zeros = 1 - len(grams.edge_codes) / (grams.contexts.count(self.order - 1) * self.vocab_size)
        pruned = "" if self.parent is None else f", pruned from {self.parent.automaton.num_edges} edges"
        return (
            f"{type(self).__name__}({self.name}: order={self.order}, vocab_size={self.vocab_size}, "
            f"{automaton.num_contexts} contexts, {automaton.num_edges} edges, {zeros:.1%} zeros{pruned})"
        )
