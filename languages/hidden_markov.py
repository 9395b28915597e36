"""Hidden Markov languages."""

from __future__ import annotations

import functools
from typing import Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.markov_chain import MarkovChain
from languages.automata.support import SupportAutomaton
from languages.automata.support_of import SUBSET_LIMIT, support_of_hidden_states
from languages.budget import check_budget
from languages.checks import check_count, check_distributions, check_precision, check_tokens
from languages.closed_forms import ClosedForms
from languages.estimate import Estimate
from languages.inference.belief_entropy import MOST_BELIEFS, belief_entropy, predictive_entropies
from languages.inference.dispatch import HiddenInference
from languages.inference.sampling import ChainSampler
from languages.inference.state_chain import DenseChain, StateChain
from languages.inference.viterbi import HiddenPath, most_probable_path
from languages.language import Language
from languages.pruning import check_threshold, prune_table

MOST_ENTRIES, BYTES_AN_ENTRY = 2.0**28, 40.0
"""Entries of the tables that constructions build (2 GiB), and what one takes on the way."""


class HMMLanguage(Language):
    """A hidden Markov model: q(x) = Σ_s initial(s₁) Π_i transition(s_i, s_{i+1}) Π_i emission(s_i, x_i).

    Args:
        initial: (S,) law of the first hidden state.
        transition: (S, S) rows of next-state probabilities.
        emission: (S, V) rows of token probabilities.
        name: What tables and legends call it.
        parent: The unpruned language, None if nothing was pruned.
        closed_forms: What is known of it without a recursion, None if nothing is.

    Raises:
        ValueError: Wrong shapes, negatives, NaN, or rows that do not sum to one.
    """

    def __init__(
        self,
        initial: object,
        transition: object,
        emission: object,
        *,
        name: str | None = None,
        parent: Self | None = None,
        closed_forms: ClosedForms | None = None,
    ) -> None:
        self.initial = check_distributions("initial", initial).detach()
        self.transition = check_distributions("transition", transition).detach().to(self.initial.device)
        self.emission = check_distributions("emission", emission).detach().to(self.initial.device)
        states = self.initial.shape[0]
        if self.initial.dim() != 1:
            raise ValueError(f"initial must have shape (S,), got {tuple(self.initial.shape)}")
        if self.transition.shape != (states, states):
            raise ValueError(
                f"transition must have shape (S, S) = {(states, states)} to fit initial, got "
                f"{tuple(self.transition.shape)}"
            )
        if self.emission.dim() != 2 or len(self.emission) != states:
            raise ValueError(f"emission must have shape (S, V) with S = {states}, got {tuple(self.emission.shape)}")
        self.num_states, self.vocab_size = self.emission.shape
        self.parent, self.closed_forms = parent, closed_forms
        self.name = name or f"hmm-{self.num_states}"

    @property
    def device(self) -> torch.device:
        return self.initial.device

    def to(self, device: torch.device | str) -> Self:
        if torch.device(device) == self.device:
            return self
        moved = self._bare_copy()
        for name in ("initial", "transition", "emission"):
            setattr(moved, name, getattr(self, name).to(device))
        moved.parent = self.parent.to(device) if self.parent is not None else None
        return moved

    def pruned(self, threshold: float, *, name: str | None = None) -> Self:
        """Drop transition and emission probabilities below `threshold` and renormalise; the initial law stays.

        A row that would lose everything keeps its largest entry. Returns the language itself if nothing is dropped.

        Raises:
            ValueError: A threshold outside [0, 1].
        """
        check_threshold(threshold)
        transition, emission = prune_table(self.transition, threshold), prune_table(self.emission, threshold)
        if torch.equal(transition > 0, self.transition > 0) and torch.equal(emission > 0, self.emission > 0):
            return self
        return type(self)(self.initial, transition, emission, name=name or self.name, parent=self)

    @property
    def state_chain(self) -> StateChain:
        """The chain on its hidden states that inference works on."""
        return self._inference.chain

    @functools.cached_property
    def _inference(self) -> HiddenInference:
        return HiddenInference(DenseChain(self.initial, self.transition, self.emission))

    @functools.cached_property
    def _sampler(self) -> ChainSampler:
        return ChainSampler.of_hidden_states(self.initial, self.transition, self.emission)

    def sample(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        batch, length = check_count("num_sequences", num_sequences, least=0), check_count("length", length)
        return self._sampler.draw(batch, length, generator)

    def log_marginal(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        return self._inference.log_likelihood(tokens)

    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        return ~self.log_prob(tokens).isneginf()

    def _log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        return self._inference.row_log_law(tokens, wanted, dtype)

    def _leave_one_out_log_law(self, tokens: Int[Tensor, "B L"], dtype: torch.dtype) -> Float[Tensor, "K V"]:
        return self._inference.row_log_law(tokens, torch.ones_like(tokens, dtype=torch.bool), dtype)

    def entropy(self, length: int) -> float:
        """Exact entropy at this length, nats, where few beliefs about the hidden state are possible.

        That is so at every length if an observer of the tokens can hold finitely many, as for copy pairs, and at small
        ones else.

        Raises:
            NotImplementedError: More than `MOST_BELIEFS` beliefs; `entropy_bounds` encloses it.
        """
        if self.closed_forms is not None and "entropy" in self.closed_forms.known:
            return self.closed_forms.entropy(length)
        length = check_count("length", length)
        initial, transition, emission = (
            table.cpu().numpy() for table in (self.initial, self.transition, self.emission)
        )
        entropy = belief_entropy(initial, transition, emission, length)
        if entropy is None:
            raise NotImplementedError(
                f"no exact entropy for {self.name} at length {length}: its observers may hold more than "
                f"{MOST_BELIEFS} beliefs; languages.information.entropy_bounds encloses it, and "
                "estimate_entropy(length) gives a value with an interval"
            )
        return entropy

    def estimate_entropy(
        self, length: int, *, num_sequences: int = 4096, generator: torch.Generator | None = None
    ) -> Estimate:
        """Monte Carlo entropy (nats): the mean of Σ_n H(X_n | x_1 … x_{n−1}) over x ~ q, with a 95 % interval.

        The same mean as that of −log q(x), with a smaller spread: the draw of each next token is averaged out.
        """
        check_count("num_sequences", num_sequences, least=2)
        tokens = self.sample(num_sequences, check_count("length", length), generator=generator)
        first = self.initial.expand(num_sequences, -1)
        entropies = predictive_entropies(first, self.transition, self.emission, tokens)
        return Estimate.from_samples(entropies.sum(1).cpu().numpy(), unit="nats")

    def marginals(self, length: int) -> Float[Tensor, "L V"]:
        states = [self.initial]
        for _ in range(check_count("length", length) - 1):
            states.append(states[-1] @ self.transition)
        return torch.stack(states) @ self.emission

    def support(self, *, limit: int = SUBSET_LIMIT) -> SupportAutomaton:
        if check_count("limit", limit) == SUBSET_LIMIT:
            return self._support
        return support_of_hidden_states(self.initial, self.transition, self.emission, limit=limit)

    @functools.cached_property
    def _support(self) -> SupportAutomaton:
        return support_of_hidden_states(self.initial, self.transition, self.emission)

    def chain(self) -> MarkovChain:
        return MarkovChain.of_hidden_states(self.initial, self.transition, self.emission)

    @functools.cached_property
    def _state_inference(self) -> HiddenInference:
        """Each state is one more token that it alone emits, so that laws of tokens tell laws of states."""
        states = torch.eye(self.num_states, dtype=torch.float64, device=self.device)
        return HiddenInference(DenseChain(self.initial, self.transition, torch.cat([self.emission, states], 1)))

    def state_posterior(
        self, tokens: Int[Tensor, "B L"], *, dtype: torch.dtype = torch.float64
    ) -> Float[Tensor, "B L S"]:
        """Log-probability of each hidden state at every position given all revealed tokens, nats (smoothing).

        Rows whose revealed tokens are impossible hold −inf alone.

        Args:
            tokens: (B, L) with holes.
            dtype: Precision of the recursion and the result, torch.float64 or torch.float32.
        """
        check_precision(dtype)
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        evidence = torch.cat([self.emission.log().T, torch.zeros_like(self.emission.T[:1])]).to(dtype)[tokens]
        others = torch.where(tokens == self.mask_id, self.vocab_size + self.num_states, tokens)
        law = self._state_inference.row_log_law(others, torch.ones_like(others, dtype=torch.bool), dtype)
        # What the other tokens tell of the state, then what its own does.
        weight = law[:, self.vocab_size :].reshape(*tokens.shape, self.num_states) + evidence
        total = weight.logsumexp(-1, keepdim=True)
        return weight - total.masked_fill(total.isneginf(), 0.0)

    def most_probable_path(self, tokens: Int[Tensor, "B L"]) -> HiddenPath:
        """The hidden states most probable together with the revealed tokens, hidden ones summed out (Viterbi).

        Args:
            tokens: (B, L) with holes; nothing but holes gives the most probable path of that length.
        """
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        return most_probable_path(self.initial, self.transition, self.emission, tokens)

    def __repr__(self) -> str:
        zeros = int((self.transition == 0).sum() + (self.emission == 0).sum())
        share = zeros / (self.transition.numel() + self.emission.numel())
        pruned = "" if self.parent is None else ", pruned"
        return (
            f"{type(self).__name__}({self.name}: {self.num_states} states, vocab_size={self.vocab_size}, "
            f"{share:.0%} zeros{pruned})"
        )


def check_hidden_tables(what: str, instead: str, num_states: int, vocab_size: int) -> None:
    """Refuse tables of a hidden Markov model that take too long to build, or do not fit in memory.

    Args:
        what: The language and the arguments that make it large.
        instead: What would do.
        num_states: S.
        vocab_size: V.

    Raises:
        ValueError: They are too large.
    """
    entries = float(num_states) * (num_states + vocab_size)
    check_budget(what, instead, operations=entries, most=MOST_ENTRIES, memory=BYTES_AN_ENTRY * entries)
