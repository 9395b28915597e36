"""What languages are made of, as arrays and JSON, and how they are made of it again: one pair of functions a class."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import torch
from numpy.typing import NDArray

from languages.automata.grams import SparseGrams
from languages.automata.strings import StringTree
from languages.constructions.arithmetic_chains import ArithmeticLanguage
from languages.hidden_markov import HMMLanguage
from languages.language import Language
from languages.ngram import NGramLanguage
from languages.text import TextLanguage
from languages.tokenising import Tokeniser
from languages.variable_length import VariableLength, VariableLengthHMM, VariableLengthNGram
from languages.variable_length.ending_within import EndingWithin

TOLERANCE = 1e-6
"""How far from one the probabilities of a context in a file may sum."""


class State(NamedTuple):
    """The parts of a language, without its name, its parent and its closed forms.

    Attributes:
        tables: Arrays.
        facts: What JSON can say.
        languages: Other languages that it refers to.
    """

    tables: Mapping[str, NDArray[Any]] = MappingProxyType({})
    facts: Mapping[str, Any] = MappingProxyType({})
    languages: Mapping[str, Language] = MappingProxyType({})


class Kind(NamedTuple):
    """How the languages of one class are taken apart and built."""

    cls: type[Language]
    take: Callable[[Any], State]
    build: Callable[[Any, State], Any]


KINDS: dict[str, Kind] = {}


def register(kind: str, cls: type[Language], take: Callable[[Any], State], build: Callable[[Any, State], Any]) -> None:
    """Teach `save` and `load` a class of languages.

    Args:
        kind: What files call it.
        cls: The class itself; its subclasses are kinds of their own.
        take: The parts of a language.
        build: The language, from the class and the parts. It gets its name, parent and closed forms afterwards.
    """
    KINDS[kind] = Kind(cls, take, build)


def kind_of(language: Language) -> str:
    """What files call the class of a language.

    Raises:
        ValueError: A class that is not registered.
    """
    for name, kind in KINDS.items():
        if kind.cls is type(language):
            return name
    raise ValueError(
        f"language: a {type(language).__name__} cannot be saved unless languages.interchange.register knows it"
    )


def take_grams(language: NGramLanguage) -> State:
    """The parts of an n-gram."""
    grams = language.automaton.grams
    tables = {f"contexts.{depth}": level for depth, level in enumerate(grams.contexts.levels)}
    tables |= {name: getattr(grams, name) for name in _GRAMS}
    return State(tables, {"order": grams.order, "vocab_size": grams.vocab_size})


def build_grams(cls: type[NGramLanguage], state: State) -> NGramLanguage:
    """An n-gram from its parts; probabilities come back bit for bit."""
    order, vocab_size = int(state.facts["order"]), int(state.facts["vocab_size"])
    levels = tuple(state.tables[f"contexts.{depth}"] for depth in range(order - 1))
    contexts = StringTree(vocab_size, levels)
    grams = SparseGrams(order, vocab_size, contexts, *(state.tables[name] for name in _GRAMS))
    count = contexts.count(order - 1)
    for depth, codes in enumerate((*levels, grams.edge_codes)):
        _check_codes(codes, vocab_size * contexts.count(depth))
    _check_codes(grams.initial_contexts, count)
    _check_rows(np.zeros_like(grams.initial_contexts), grams.initial_probs, 1)
    _check_rows(grams.edge_codes // vocab_size, grams.edge_probs, count)
    return cls.from_grams(grams, name="loaded")


_GRAMS = ("initial_contexts", "initial_probs", "edge_codes", "edge_probs")


def take_text(language: TextLanguage) -> State:
    """The parts of an n-gram that was counted from a text."""
    state = take_grams(language)
    return state._replace(facts={**state.facts, "tokeniser": dataclasses.asdict(language.tokeniser)})


def build_text(cls: type[TextLanguage], state: State) -> TextLanguage:
    """An n-gram with its vocabulary, from its parts."""
    language = build_grams(cls, state)
    assert isinstance(language, TextLanguage)
    facts = state.facts["tokeniser"]
    language.tokeniser = Tokeniser(tuple(facts["vocabulary"]), facts["level"], facts["lowercase"])
    if len(language.tokeniser.vocabulary) != language.vocab_size:
        raise ValueError(f"{len(language.tokeniser.vocabulary)} symbols for {language.vocab_size} tokens")
    return language


def take_hidden(language: HMMLanguage) -> State:
    """The parts of a hidden Markov model."""
    return State({name: getattr(language, name).cpu().numpy() for name in _HIDDEN})


def build_hidden(cls: type[HMMLanguage], state: State) -> HMMLanguage:
    """A hidden Markov model from its parts; probabilities come back bit for bit."""
    tables = {name: torch.from_numpy(state.tables[name]) for name in _HIDDEN}
    language = cls(*(tables[name] for name in _HIDDEN))
    # The constructor has divided rows by their sums, which are one but for rounding.
    language.__dict__.update(tables)
    return language._bare_copy()


_HIDDEN = ("initial", "transition", "emission")


def with_origin(
    take: Callable[[Any], State], build: Callable[[Any, State], Any]
) -> tuple[Callable[[Any], State], Callable[[Any, State], Any]]:
    """The pair of functions for languages that also remember the `language` that they were made from."""

    def take_more(language: VariableLength) -> State:
        origin = language.language
        return take(language)._replace(languages={} if origin is None else {"language": origin})

    def build_more(cls: type[VariableLength], state: State) -> VariableLength:
        language: VariableLength = build(cls, state)
        language.language = state.languages.get("language")  # type: ignore[assignment]
        return language

    return take_more, build_more


def _check_codes(codes: NDArray[np.int64], bound: int) -> None:
    """Refuse codes that are not sorted integers in 0 … bound − 1."""
    if codes.dtype != np.int64 or not len(codes) or codes[0] < 0 or codes[-1] >= bound or (np.diff(codes) <= 0).any():
        raise ValueError("codes out of order or out of range")


def _check_rows(rows: NDArray[np.int64], probs: NDArray[np.float64], count: int) -> None:
    """Refuse probabilities that are not positive or whose rows do not sum to one."""
    if probs.dtype != np.float64 or probs.shape != rows.shape or not (probs > 0).all():
        raise ValueError("probabilities that are not positive float64")
    if (np.abs(np.bincount(rows, weights=probs, minlength=count) - 1) > TOLERANCE).any():
        raise ValueError("probabilities that do not sum to one")


register("n-gram", NGramLanguage, take_grams, build_grams)
register("text", TextLanguage, take_text, build_text)
register("hmm", HMMLanguage, take_hidden, build_hidden)
register("arithmetic", ArithmeticLanguage, take_hidden, build_hidden)
register("variable-length n-gram", VariableLengthNGram, *with_origin(take_grams, build_grams))
register("variable-length hmm", VariableLengthHMM, *with_origin(take_hidden, build_hidden))
register(
    "ending-within",
    EndingWithin,
    lambda language: State(facts={"slots": language.slots}, languages={"language": language.language}),
    lambda cls, state: cls(state.languages["language"], state.facts["slots"]),
)
