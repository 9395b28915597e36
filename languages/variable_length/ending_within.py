"""The sequences of a variable-length language that fit into a given number of slots."""

from __future__ import annotations

import math
from typing import Self

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from languages.checks import check_count, check_tokens
from languages.ngram import NGramLanguage
from languages.variable_length.markov import VariableLength
from languages.variable_length.padded_rows import PaddedRows


def ending_within(language: VariableLength, length: int) -> EndingWithin:
    """The law of X given |X| < L: of the sequences that fit into rows of L slots, their end included.

    Args:
        language: The unconditioned language.
        length: L ≥ 1.

    Raises:
        ValueError: No sequence is so short.
    """
    return EndingWithin(language, length)


class EndingWithin(PaddedRows):
    """The law of X given |X| < L, L the number of slots: what a masked diffusion model with L slots should learn.

    The end is absorbing, so |X| < L says no more than "the token in slot L is the end": every law is one of the
    unconditioned language with that token revealed. Nothing is approximated, and no state is added. Rows with fewer
    slots than L are prefixes of those rows; rows with more have ends behind slot L.

    Args:
        language: The unconditioned language.
        length: L ≥ 1.

    Raises:
        ValueError: No sequence is so short.

    Attributes:
        language: The unconditioned language.
        slots: L.
        log_fit: log P(|X| < L), nats.
    """

    parent: EndingWithin | None

    def __init__(self, language: VariableLength, length: int) -> None:
        if not isinstance(language, VariableLength):
            raise ValueError(f"language must be a VariableLength one, such as with_end gives, got {language!r}")
        self.language, self.slots = language, check_count("length", length)
        self.vocab_size = language.vocab_size
        self.name = f"{language.name}<{self.slots}"
        self.parent = None
        self._log_ending = language._graph.log_ending(self.slots)
        self.log_fit = float(self._log_ending[0, 0])
        if self.log_fit == -math.inf:
            shortest = language._graph.fewest_slots()
            raise ValueError(f"length must be at least {shortest}, for the shortest sequence and its end, got {length}")
        if language.parent is not None:
            self.parent = type(self)(language.parent, length)

    @property
    def device(self) -> torch.device:
        return self.language.device

    def to(self, device: torch.device | str) -> Self:
        return self if torch.device(device) == self.device else type(self)(self.language.to(device), self.slots)

    def sample(
        self, num_sequences: int, length: int, *, generator: torch.Generator | None = None
    ) -> Int[Tensor, "B L"]:
        batch, length = check_count("num_sequences", num_sequences, least=0), check_count("length", length)
        rows = self.language._walk(batch, self.slots, self._log_ending, generator)[:, :length]
        return torch.nn.functional.pad(rows, (0, length - rows.shape[1]), value=self.eos_id)

    def log_marginal(self, tokens: Int[Tensor, "B L"]) -> Float[Tensor, " B"]:
        rows, possible = self._conditioned(tokens)
        return torch.where(possible, self.language.log_marginal(rows) - self.log_fit, -math.inf).clamp(max=0.0)

    def contains(self, tokens: Int[Tensor, "B L"]) -> Bool[Tensor, " B"]:
        rows, possible = self._conditioned(check_tokens(tokens, self.vocab_size, holes=False, device=self.device))
        return possible & ~self.language.log_marginal(rows).isneginf()

    def marginals(self, length: int) -> Float[Tensor, "L V"]:
        hidden = torch.full((1, check_count("length", length)), self.mask_id, device=self.device)
        return self.posterior(hidden)[0].exp()

    def length_law(self, length: int) -> Float[Tensor, " L+1"]:
        length = check_count("length", length)
        law = self.language.length_law(max(length, self.slots))
        law[self.slots :] = 0.0
        law = law / law.sum()
        return torch.cat([law[:length], law[length:].sum(0, keepdim=True)])

    def mean_length(self) -> float:
        """E |X|, the expected number of tokens before the end; exact."""
        law = self.length_law(self.slots)
        return float(law @ torch.arange(len(law), dtype=law.dtype, device=law.device))

    def log_support_size(self, length: int) -> float:
        length = check_count("length", length)
        edges = self.language.support().edges()
        first = edges.offsets[:-1]
        can_end = np.zeros(edges.num_states, dtype=bool)
        can_end[edges.target[edges.token == self.eos_id]] = True
        for _ in range(self.slots - length):
            can_end = np.logical_or.reduceat(can_end[edges.target], first)
        # Log-number of continuations of each state; behind the last slot there is but one.
        with np.errstate(divide="ignore"):
            ways = np.log(can_end.astype(np.float64))
        for _ in range(min(length, self.slots)):
            ways = np.logaddexp.reduceat(ways[edges.target], first)
        return float(ways[0])

    def support_density(self, length: int) -> float:
        return min(1.0, self.log_support_size(length) / (length * math.log(self.vocab_size)))

    def entropy(self, length: int) -> float:
        """Exact entropy at this number of slots, nats, where the language is an n-gram.

        Raises:
            NotImplementedError: A hidden Markov model; `estimate_entropy` gives a value with an interval.
        """
        if not isinstance(self.language, NGramLanguage):
            return super().entropy(length)
        graph, total = self.language._graph, 0.0
        law = np.eye(1, len(graph.ends))[0]
        for slot in range(min(check_count("length", length), self.slots)):
            here, after = self._log_ending[slot][graph.source], self._log_ending[slot + 1][graph.target]
            live = ~(np.isneginf(here) | np.isneginf(after))
            move = graph.prob[live] * np.exp(after[live] - here[live])
            total -= float((law[graph.source[live]] * move) @ np.log(move))
            law = np.bincount(graph.target[live], law[graph.source[live]] * move, len(law))
        return total

    def _conditioned(self, tokens: Int[Tensor, "B L"]) -> tuple[Int[Tensor, "B max(L,slots)"], Bool[Tensor, " B"]]:
        """Rows with the end revealed in slot L, and whether they do not say otherwise."""
        tokens = check_tokens(tokens, self.vocab_size, holes=True, device=self.device)
        missing = max(0, self.slots - tokens.shape[1])
        rows = torch.nn.functional.pad(tokens, (0, missing), value=self.mask_id)
        last = rows[:, self.slots - 1]
        possible = (last == self.mask_id) | (last == self.eos_id)
        rows = rows.clone()
        rows[:, self.slots - 1] = self.eos_id
        return rows, possible

    def _log_law(
        self, tokens: Int[Tensor, "B L"], wanted: Bool[Tensor, "B L"], dtype: torch.dtype
    ) -> Float[Tensor, "K V"]:
        rows, possible = self._conditioned(tokens)
        wanted = torch.nn.functional.pad(wanted, (0, rows.shape[1] - wanted.shape[1]))
        row, slot = wanted.nonzero().unbind(1)
        last = slot == self.slots - 1
        law = torch.full((len(row), self.vocab_size), -math.inf, dtype=dtype, device=self.device)
        law[last, self.eos_id] = 0.0
        others = wanted.clone()
        others[:, self.slots - 1] = False
        if not bool(last.all()):
            law[~last] = self.language._log_law(rows, others, dtype)
        # A row whose last slot says otherwise is impossible as a whole.
        return law.masked_fill_(~possible[row, None], -math.inf)

    def _leave_one_out_log_law(self, tokens: Int[Tensor, "B L"], dtype: torch.dtype) -> Float[Tensor, "K V"]:
        rows, possible = self._conditioned(tokens)
        law = self.language._leave_one_out_log_law(rows, dtype).view(*rows.shape, self.vocab_size)
        # Left out, slot L is the end, unless the others are impossible together.
        last = law[:, self.slots - 1].clone()
        law = law.masked_fill(~possible[:, None, None], -math.inf)
        law[:, self.slots - 1] = -math.inf
        law[:, self.slots - 1, self.eos_id] = torch.where(last[:, self.eos_id].isneginf(), last[:, self.eos_id], 0.0)
        return law[:, : tokens.shape[1]].reshape(-1, self.vocab_size)

    def __repr__(self) -> str:
        return f"EndingWithin({self.language!r}, slots={self.slots}, P(fit)={math.exp(self.log_fit):.3g})"
