"""Hidden Markov languages."""

from __future__ import annotations

import functools
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.automata.support import automaton_log_support_size, subset_automaton
from languages.checks import check_count, check_distributions, check_tokens
from languages.inference import kernels
from languages.inference.chains import DenseChain
from languages.inference.engine import hidden_log_law, log_likelihood, normalised_log, supports
from languages.inference.sampling import RowSampler
from languages.language import Language
from languages.pruning import check_threshold, prune_rows


class HMMLanguage(Language):
    """A hidden Markov model: q(x) = Σ_s initial(s₁) Π_i transition(s_i, s_{i+1}) Π_i emission(s_i, x_i).

    Args:
        initial: (S,) law of the first hidden state.
        transition: (S, S) rows of next-state probabilities.
        emission: (S, V) rows of token probabilities.
        name: What tables and legends call it.
        parent: The unpruned language, None if nothing was pruned.

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
    ) -> None:
        self.initial = check_distributions("initial", initial)
        self.transition = check_distributions("transition", transition).to(self.initial.device)
        self.emission = check_distributions("emission", emission).to(self.initial.device)
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
        self.parent = parent
        self.name = name or f"hmm-{self.num_states}"

    @property
    def device(self) -> torch.device:
        return self.initial.device

    def to(self, device: torch.device | str) -> Self:
        if torch.device(device) == self.device:
            return self
        parent = self.parent.to(device) if self.parent is not None else None
        tables = (table.to(device) for table in (self.initial, self.transition, self.emission))
        return type(self)(*tables, name=self.name, parent=parent)

    def pruned(self, threshold: float, *, name: str | None = None) -> Self:
        """Drop transition and emission probabilities below `threshold` and renormalise; the initial law stays.

        A row that would lose everything keeps its largest entry. Returns the language itself if nothing is dropped.

        Raises:
            ValueError: A threshold outside [0, 1].
        """
        check_threshold(threshold)
        transition, emission = _prune(self.transition, threshold), _prune(self.emission, threshold)
        if torch.equal(transition > 0, self.transition > 0) and torch.equal(emission > 0, self.emission > 0):
            return self
        return type(self)(self.initial, transition, emission, name=name or self.name, parent=self)

    @functools.cached_property
    def _chain(self) -> DenseChain:
        return DenseChain(self.initial, self.transition, self.emission)

    @functools.cached_property
    def _samplers(self) -> tuple[tuple[RowSampler, Tensor], ...]:
        return tuple(RowSampler.from_dense(t) for t in (self.initial[None], self.transition, self.emission))

    def sample(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        batch, length = check_count("num_sequences", num_sequences, least=0), check_count("length", length)
        (starts, first), (moves, following), (emits, token) = self._samplers
        tokens = torch.empty(batch, length, dtype=torch.int64, device=self.device)
        state = torch.zeros(batch, dtype=torch.int64, device=self.device)
        for position in range(length):
            uniforms = torch.rand(2, batch, dtype=torch.float64, device=self.device, generator=generator)
            state = following[moves.draw(state, uniforms[0])] if position else first[starts.draw(state, uniforms[0])]
            tokens[:, position] = token[emits.draw(state, uniforms[1])]
        return tokens

    def log_marginal(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        return log_likelihood(self._chain, tokens)

    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        tokens = check_tokens(tokens, self.vocab_size, holes=False, device=self.device)
        return supports(self._chain, tokens)

    def _log_law(self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]) -> Float[Tensor, "K V"]:
        rows = wanted.any(1)
        tokens, wanted = tokens[rows], wanted[rows]
        if not kernels.can_serve(self._chain, tokens):
            return self._hidden_log_law(tokens, wanted)
        weights, doubtful = kernels.row_weights(self._chain, tokens, wanted)
        law = normalised_log(weights)
        if bool(doubtful.any()):
            again = doubtful.repeat_interleave(wanted.sum(1))
            law[again] = self._hidden_log_law(tokens[doubtful], wanted[doubtful])
        return law

    def _leave_one_out_log_law(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, "K V"]:
        return self._hidden_log_law(tokens, torch.ones_like(tokens, dtype=torch.bool))

    def _hidden_log_law(self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"]) -> Float[Tensor, "K V"]:
        return hidden_log_law(self._chain, torch.zeros_like(tokens[:, 0]), tokens, wanted)

    def marginals(self, length: int) -> Float[Tensor, "L V"]:
        states = [self.initial]
        for _ in range(check_count("length", length) - 1):
            states.append(states[-1] @ self.transition)
        return torch.stack(states) @ self.emission

    def log_support_size(self, length: int) -> float:
        """Natural log of the number of supported sequences, counted on the determinised support.

        Raises:
            ValueError: The subset construction explodes.
        """
        length = check_count("length", length)
        source, target, size = self._support
        return automaton_log_support_size(source, target, size, length)

    @functools.cached_property
    def _support(self) -> tuple[np.ndarray, np.ndarray, int]:
        tables = ((t > 0).cpu().numpy() for t in (self.initial, self.transition, self.emission))
        source, _, target, size = subset_automaton(*tables)
        return source, target, size

    def __repr__(self) -> str:
        zeros = int((self.transition == 0).sum() + (self.emission == 0).sum())
        share = zeros / (self.transition.numel() + self.emission.numel())
        pruned = "" if self.parent is None else ", pruned"
        return (
            f"HMMLanguage({self.name}: {self.num_states} states, vocab_size={self.vocab_size}, "
            f"{share:.0%} zeros{pruned})"
        )


def _prune(table: Float[Tensor, "R C"], threshold: float) -> Float[Tensor, "R C"]:
    """Prune the rows of a dense table."""
    rows = np.repeat(np.arange(len(table)), table.shape[1])
    keep, probs = prune_rows(rows, table.cpu().numpy().reshape(-1), threshold)
    pruned = np.zeros(table.numel())
    pruned[keep] = probs
    return torch.as_tensor(pruned, device=table.device).reshape(table.shape)
