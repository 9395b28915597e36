"""n-grams and hidden Markov models with an end token."""

from __future__ import annotations

import abc
import functools
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Self

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from languages.checks import check_count
from languages.hidden_markov import HMMLanguage
from languages.ngram import NGramLanguage
from languages.variable_length.padded_rows import PaddedRows, PaddedSequences
from languages.variable_length.state_graph import StateGraph

if TYPE_CHECKING:
    from languages.automata.grams import SparseGrams

END_SYMBOL = "␃"
"""How drawings show the end."""


class VariableLength(PaddedRows):
    """A law on V* whose sequences end with probability one, cut off where a row has too few slots.

    A row of L slots shows a sequence of fewer than L tokens whole; of a longer one it shows the first L. The law of the
    sequences that fit is another one: `ending_within(L)`.

    Attributes:
        language: The language without its end, if `with_end` made this one.
    """

    language: NGramLanguage | HMMLanguage | None = None

    @property
    def vocabulary(self) -> list[str] | None:
        """The symbols of the language without its end, if it has any, and one for the end."""
        symbols = getattr(self.language, "vocabulary", None)
        return None if symbols is None else [*symbols, END_SYMBOL]

    def encode(self, texts: Iterable[str]) -> Int[Tensor, "B L"]:
        """Rows of texts, each one sequence and its end, by the vocabulary of the language without its end."""
        return self.pad([self._lexicon.encode(text)[0] if text else [] for text in texts])

    def decode(self, tokens: Int[Tensor, "B L"]) -> list[str]:
        """The text of each row before its end."""
        return [self._lexicon.decode([row])[0] if row else "" for row in self.unpad(tokens)]

    @property
    def _lexicon(self) -> Any:
        if not hasattr(self.language, "encode"):
            raise NotImplementedError(f"{self.name} has no vocabulary; unpad gives token ids")
        return self.language

    @property
    @abc.abstractmethod
    def _graph(self) -> StateGraph:
        """Its states."""

    @abc.abstractmethod
    def _emit(self, states: Int[Tensor, " B"], generator: torch.Generator | None) -> Int[Tensor, " B"]:
        """A token of each state."""

    def length_law(self, length: int) -> Float[Tensor, " L+1"]:
        return torch.from_numpy(self._graph.length_law(check_count("length", length))).to(self.device)

    def mean_length(self) -> float:
        """E |X|, the expected number of tokens before the end; exact."""
        return self._graph.mean_length()

    def sample_sequences(
        self, num_sequences: int, *, max_length: int = 100_000, generator: torch.Generator | None = None
    ) -> PaddedSequences:
        """Draw independent sequences until all have ended, in rows as long as the longest and its end need.

        Args:
            num_sequences: B ≥ 0.
            max_length: The most tokens of one; a longer sequence is cut off behind the next token, and has not `ended`.
            generator: Source of randomness on the language's device; None means torch's default.
        """
        slots = check_count("max_length", max_length, least=0) + 1
        return self.measure(self._walk(check_count("num_sequences", num_sequences, least=0), slots, None, generator))

    def _walk(
        self,
        batch: int,
        slots: int,
        log_ending: Float[np.ndarray, "L+1 S"] | None,
        generator: torch.Generator | None,
    ) -> Int[Tensor, "B T"]:
        """Rows of T ≤ `slots` tokens, as many as it takes until all have ended; states weighted by `log_ending`."""
        columns: list[Tensor] = []
        states = torch.zeros(batch, dtype=torch.int64, device=self.device)
        walking = torch.arange(batch, device=self.device)
        ends = torch.from_numpy(self._graph.ends).to(self.device)
        for slot in range(1, slots + 1):
            column = torch.full((batch,), self.eos_id, dtype=torch.int64, device=self.device)
            if len(walking):
                weight = None if log_ending is None else log_ending[slot]
                states = self._graph.draw(states, weight, generator, self.device)
                column[walking] = self._emit(states, generator)
                going = ~ends[states]
                states, walking = states[going], walking[going]
            columns.append(column)
            if not len(walking):
                break
        return torch.stack(columns, dim=1)

    def _check_ending(self) -> None:
        """Refuse a law that is none on V*."""
        endless = self._graph.endless()
        if len(endless):
            raise ValueError(
                f"{self.name} need not end: it can reach {self._state_name(int(endless[0]))}, from which the end token "
                f"{self.eos_id} cannot be reached; give some state there a positive probability to stop"
            )

    @abc.abstractmethod
    def _state_name(self, state: int) -> str:
        """What an error calls a state."""


class VariableLengthNGram(VariableLength, NGramLanguage):
    """An n-gram over V + 1 tokens whose last token is the end: after it comes only itself. Build it by `with_end`.

    The arguments are those of `NGramLanguage`; `initial` must be given, for the stationary law is that of an empty
    sequence.

    Raises:
        ValueError: An order below two, a token after the end, or contexts from which the end cannot be reached.
    """

    def _setup(self, grams: SparseGrams, parent: Self | None, name: str) -> None:
        super()._setup(grams, parent, name)
        automaton = self.automaton
        last = automaton.last_token[automaton.edge_source]
        if automaton.order < 2 or bool(((last == self.eos_id) & (automaton.edge_token != self.eos_id)).any()):
            raise ValueError(
                f"transition: {name} has a token after the end token {self.eos_id}; only it may follow itself"
            )
        self._check_ending()

    @functools.cached_property
    def _graph(self) -> StateGraph:
        edge = self.automaton
        return StateGraph(edge.edge_source, edge.edge_target, edge.edge_prob, edge.last_token == self.eos_id)

    def _emit(self, states: Int[Tensor, " B"], generator: torch.Generator | None) -> Int[Tensor, " B"]:
        return self.automaton.last_token[states]

    def _state_name(self, state: int) -> str:
        return f"a context that ends in token {int(self.automaton.last_token[state])}"

    def __repr__(self) -> str:
        return NGramLanguage.__repr__(self).replace(NGramLanguage.__name__, type(self).__name__, 1)


class VariableLengthHMM(VariableLength, HMMLanguage):
    """A hidden Markov model over V + 1 tokens whose last token is the end: states that emit it are never left.

    Build it by `with_end`, or by the arguments of `HMMLanguage`.

    Raises:
        ValueError: A state that emits the end and other tokens, or leads to others; states that never end.
    """

    def __init__(self, *args: object, **options: object) -> None:
        super().__init__(*args, **options)  # type: ignore[arg-type]
        ends = self.emission[:, -1] > 0
        if bool((self.emission[ends, :-1] > 0).any()):
            raise ValueError(f"emission: a state that emits the end token {self.eos_id} must emit nothing else")
        if bool((self.transition[ends][:, ~ends] > 0).any()):
            raise ValueError(f"transition: states that emit the end token {self.eos_id} must lead to such states alone")
        self._check_ending()

    @functools.cached_property
    def _graph(self) -> StateGraph:
        """State 0 is the start, state s + 1 the hidden state s."""
        first = self.initial.nonzero()[:, 0]
        source, target = self.transition.nonzero().unbind(1)
        return StateGraph(
            torch.cat([torch.zeros_like(first), source + 1]),
            torch.cat([first, target]) + 1,
            torch.cat([self.initial[first], self.transition[source, target]]),
            torch.nn.functional.pad(self.emission[:, -1] > 0, (1, 0)),
        )

    def _emit(self, states: Int[Tensor, " B"], generator: torch.Generator | None) -> Int[Tensor, " B"]:
        uniforms = torch.rand(len(states), 1, dtype=torch.float64, device=self.device, generator=generator)
        cdf = self.emission.cumsum(1)[states - 1]
        pick = (cdf <= uniforms * cdf[:, -1:]).sum(1)
        last = self.vocab_size - 1 - (self.emission > 0).flip(1).int().argmax(1)
        return torch.minimum(pick, last[states - 1])

    def _state_name(self, state: int) -> str:
        return f"state {state - 1}"

    def __repr__(self) -> str:
        return HMMLanguage.__repr__(self).replace(HMMLanguage.__name__, type(self).__name__, 1)
