"""The protocol every language keeps, and what every language shares."""

from __future__ import annotations

import abc
import functools
import math
from typing import NamedTuple, Self

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.markov_chain import MarkovChain
from languages.automata.support import SupportAutomaton
from languages.automata.support_of import SUBSET_LIMIT
from languages.checks import check_count, check_mask, check_precision, check_tokens
from languages.closed_forms import ClosedForms
from languages.estimate import Estimate
from languages.inference import positions


class Conditionals(NamedTuple):
    """Conditional laws of the positions asked for, and which of them had to be invented.

    Attributes:
        log_probs: (B, L, V), or (K, V) for K positions picked by `at`: log q(x_i | revealed tokens), nats.
        dead: (B, L) or (K,): True where the revealed tokens around the position have probability zero under the
            language, so that the conditional comes from the unpruned parent, else from the uniform law.
    """

    log_probs: Float[Tensor, "*positions V"]
    dead: Bool[Tensor, "*positions"]


class Language(abc.ABC):
    """A law on sequences of every length that is known exactly.

    Tokens are int64 in 0 … vocab_size − 1; `mask_id == vocab_size` marks a hidden position. Probabilities are
    float64 and logs natural. A language is immutable; `to` returns a copy on another device.

    Attributes:
        vocab_size: V, the number of tokens.
        parent: The unpruned language, None if nothing was pruned.
        name: A short name for tables and legends.
        closed_forms: What is known of it without a recursion; None if nothing is.
    """

    vocab_size: int
    parent: Self | None
    name: str
    closed_forms: ClosedForms | None = None

    @property
    def mask_id(self) -> int:
        """The token id that marks a hidden position."""
        return self.vocab_size

    @property
    @abc.abstractmethod
    def device(self) -> torch.device:
        """The device its tables live on."""

    @abc.abstractmethod
    def to(self, device: torch.device | str) -> Self:
        """The same language with its tables on `device`."""

    @abc.abstractmethod
    def sample(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        """Draw independent sequences.

        Args:
            num_sequences: B ≥ 0.
            length: L ≥ 1.
            generator: Source of randomness on the language's device; None means torch's default.
        """

    @abc.abstractmethod
    def log_marginal(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """Log-probability of the revealed tokens, hidden ones (`mask_id`) summed out; −inf off the support."""

    @abc.abstractmethod
    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        """Whether each complete sequence is in the support, decided by exact zeros and never by underflow."""

    def conditionals(
        self,
        tokens: Int[Tensor, "B L"],
        at: Bool[Tensor, "B L"] | None = None,
        *,
        dtype: torch.dtype = torch.float64,
    ) -> Conditionals:
        """Exact law of positions given the revealed tokens, and where the convention for dead contexts stepped in.

        The convention: the smallest segment that revealed tokens separate and that has probability zero takes its
        conditionals from `parent`, else the uniform law; other segments stay exact.

        Args:
            tokens: (B, L) with holes.
            at: (B, L) bool, the positions wanted, returned row-major as (K, V); None for all, as (B, L, V).
            dtype: Precision of the recursion and the result, torch.float64 or torch.float32: faster, probabilities
                right to 1e−5. Zeros are exact in both.
        """
        check_precision(dtype)
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        asked = None if at is None else check_mask("at", at, tokens)
        picked, wanted = positions.asked_for(tokens, asked, self.mask_id)
        law = torch.empty(0, self.vocab_size, dtype=dtype, device=self.device)
        if positions.any_in(wanted):
            law = self._log_law(tokens, wanted, dtype)
        dead = positions.impossible(law)
        if bool(dead.any()):
            orphans = wanted.masked_scatter(wanted, dead)
            law = law.masked_scatter(dead[:, None], self._log_fallback(tokens, orphans, dtype))
        log_probs, dead = positions.with_revealed(picked, law, dead)
        if at is None:
            return Conditionals(log_probs.view(*tokens.shape, self.vocab_size), dead.view(tokens.shape))
        return Conditionals(log_probs, dead)

    def leave_one_out(
        self, tokens: Int[Tensor, "B L"], *, dtype: torch.dtype = torch.float64
    ) -> Float[Tensor, "B L V"]:
        """Log q(x_i | revealed tokens other than i) at every position, nats, from one forward–backward pass.

        Args:
            tokens: (B, L) with holes; without any one of them, the revealed tokens of a row must be possible together.
            dtype: Precision of the recursion and the result, torch.float64 or torch.float32.

        Raises:
            ValueError: A row in which they are not.
        """
        check_precision(dtype)
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        law = self._leave_one_out_log_law(tokens, dtype).view(*tokens.shape, self.vocab_size)
        impossible = law.amax(-1).isneginf().any(1)
        if bool(impossible.any()):
            row = int(impossible.nonzero()[0])
            raise ValueError(f"tokens: the revealed tokens of row {row} have probability zero under {self.name}")
        return law

    @abc.abstractmethod
    def marginals(self, length: int) -> Float[Tensor, "L V"]:
        """Law of the token at each position."""

    @abc.abstractmethod
    def _leave_one_out_log_law(self, tokens: Int[Tensor, "B L"], dtype: torch.dtype) -> Float[Tensor, "B*L V"]:
        """Log-law of each token given the revealed tokens at other positions; all −inf where they are impossible."""

    def _log_fallback(
        self, tokens: Int[Tensor, "B L"], orphans: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        """Log-law of hidden positions on dead contexts: the parent's, else uniform."""
        if self.parent is None:
            shape = int(orphans.sum()), self.vocab_size
            return torch.full(shape, -math.log(self.vocab_size), dtype=dtype, device=self.device)
        rows = orphans.any(1)
        return self.parent.conditionals(tokens[rows], at=orphans[rows], dtype=dtype).log_probs

    @abc.abstractmethod
    def _log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        """Log-law of each wanted hidden token, row-major; all −inf exactly where its context is dead."""

    def _bare_copy(self) -> Self:
        """A copy without what was computed when it was first asked for."""
        copy = type(self).__new__(type(self))
        for name, value in vars(self).items():
            if not isinstance(getattr(type(self), name, None), functools.cached_property):
                copy.__dict__[name] = value
        return copy

    def support(self, *, limit: int = SUBSET_LIMIT) -> SupportAutomaton:
        """The sequences of positive probability as a deterministic automaton: membership, numbers, extremes, drawing.

        Args:
            limit: How many states a hidden Markov model's automaton may have before counting refuses.

        Raises:
            NotImplementedError: No automaton is known for this kind of language.
        """
        raise NotImplementedError(f"no support automaton for {type(self).__name__}")

    def chain(self) -> MarkovChain:
        """The finite Markov chain behind the language: its classes and periods, stationary laws, mixing, drawing.

        Raises:
            NotImplementedError: No chain is known for this kind of language.
        """
        raise NotImplementedError(f"no Markov chain for {type(self).__name__}")

    def log_support_size(self, length: int) -> float:
        """Natural log of the number of sequences of this length with positive probability.

        Raises:
            ValueError: The automaton of the support explodes.
        """
        return self.support().log_count(length)

    def log_prob(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        """Log-probability (nats) of complete sequences, −inf off the support.

        Raises:
            ValueError: A position is hidden; `log_marginal` takes holes.
        """
        return self.log_marginal(check_tokens(tokens, self.vocab_size, holes=False, device=self.device))

    def posterior(self, tokens: Int[Tensor, "B L"], *, dtype: torch.dtype = torch.float64) -> Float[Tensor, "B L V"]:
        """Log q(x_i | revealed tokens) at every position, nats; one-hot (0 and −inf) where revealed."""
        return self.conditionals(tokens, dtype=dtype).log_probs

    def support_density(self, length: int) -> float:
        """log|support| / (L log V), in [0, 1]. It is 1 just where every sequence is correct: SER is 0 for any model."""
        return self.support().density(length)

    def entropy(self, length: int) -> float:
        """Exact entropy of the law at this length, nats.

        Raises:
            NotImplementedError: No exact formula is known for this kind of language.
        """
        if self.closed_forms is not None and "entropy" in self.closed_forms.known:
            return self.closed_forms.entropy(length)
        raise NotImplementedError(
            f"no exact entropy for {type(self).__name__}; estimate_entropy(length) gives one with an interval"
        )

    def estimate_entropy(
        self, length: int, *, num_sequences: int = 4096, generator: torch.Generator | None = None
    ) -> Estimate:
        """Monte Carlo entropy (nats) as the mean of −log q(x) over x ~ q, with a 95 % interval.

        Args:
            length: L ≥ 1.
            num_sequences: Number of independent sequences, at least 2.
            generator: Source of randomness.
        """
        check_count("num_sequences", num_sequences, least=2)
        tokens = self.sample(num_sequences, length, generator=generator)
        return Estimate.from_samples(-self.log_prob(tokens).cpu().numpy(), unit="nats")
