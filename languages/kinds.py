"""The kinds of languages that a specification can name: what each is, its options, and how it is built of them."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from languages.checks import check_fraction
from languages.constructions import (
    arithmetic_chains,
    copy_pairs,
    deterministic_cycle,
    mds_code,
    parity_blocks,
    random_walk,
    repeated_symbol,
    slow_topics,
)
from languages.hidden_markov import HMMLanguage
from languages.ngram import NGramLanguage
from languages.random_languages import random_hmm, random_ngram
from languages.text import ngram_from_text

ROUNDING = 1e-12
"""What is left of 1 by decimals that sum to it is none: a hard zero."""


def _ngram(name: str, *, order: int, vocab: int, seed: int, prune: float, concentration: float) -> NGramLanguage:
    return random_ngram(order, vocab, seed=seed, prune_below=prune, concentration=concentration, name=name)


def _hmm(name: str, *, states: int, vocab: int, seed: int, prune: float, concentration: float) -> HMMLanguage:
    return random_hmm(states, vocab, seed=seed, prune_below=prune, concentration=concentration, name=name)


def _text(name: str, *, file: str, order: int, prune: float, level: Any) -> NGramLanguage:
    return ngram_from_text(Path(file), order, prune_below=prune, level=level)


def _walk(name: str, *, values: int, up: float, down: float, start: str) -> NGramLanguage:
    stay = 1 - check_fraction("up", up) - check_fraction("down", down)
    if stay < -ROUNDING:
        raise ValueError(f"up and down must sum to at most 1, got {up + down:g}")
    if start != "uniform" and not re.fullmatch(r"\d+", start):
        raise ValueError(f"start must be a whole number or uniform, got {start!r}")
    increments = {-1: down, 0: stay if stay > ROUNDING else 0.0, 1: up}
    return random_walk(values, increments=increments, start=None if start == "uniform" else int(start), name=name)


@dataclasses.dataclass(frozen=True)
class Kind:
    """A kind of language.

    Attributes:
        meaning: What it is, in a few words.
        options: Its options with their defaults.
        build: Makes a language of a name and the options; an n-gram is told its `order` too, a text its `file`.
        states: Hidden states, or contexts of an n-gram, by the options; None where only the built language knows them.
    """

    meaning: str
    options: Mapping[str, Any]
    build: Callable[..., NGramLanguage | HMMLanguage]
    states: Callable[[Mapping[str, Any]], int] | None = None


# The defaults are ours (the paper's are not in our sources). Each has a support that is a proper subset of all
# sequences and in which independent draws from the marginals are mostly wrong.
KINDS = {
    "N-gram": Kind(
        "random n-gram, N = 1, 2, 3, …",
        {"vocab": 8, "seed": 1, "prune": 0.05, "concentration": 1.0},
        _ngram,
        lambda options: options["vocab"] ** max(0, options["order"] - 1),
    ),
    "hmm": Kind(
        "random hidden Markov model",
        {"states": 8, "vocab": 8, "seed": 1, "prune": 0.05, "concentration": 0.1},
        _hmm,
        lambda options: options["states"],
    ),
    "text": Kind("n-gram counted from a file", {"order": 2, "prune": 0.0, "level": "char"}, _text),
    "copy-pairs": Kind(
        "independent pairs (a, a)",
        {"symbols": 16},
        lambda name, *, symbols: copy_pairs(symbols, name=name),
        lambda options: 2 * options["symbols"],
    ),
    "parity": Kind(
        "blocks of bits with an even sum", {"block": 4}, lambda name, *, block: parity_blocks(block, name=name)
    ),
    "repeat": Kind(
        "one symbol, repeated",
        {"symbols": 8},
        lambda name, *, symbols: repeated_symbol(symbols, name=name),
        lambda options: options["symbols"],
    ),
    "cycle": Kind(
        "a cycle through all symbols, its phase random",
        {"symbols": 8},
        lambda name, *, symbols: deterministic_cycle(symbols, name=name),
        lambda options: options["symbols"],
    ),
    "walk": Kind(
        "random walk on a circle; start=0, 1, … or uniform",
        {"values": 64, "up": 0.5, "down": 0.5, "start": "uniform"},
        _walk,
        lambda options: options["values"],
    ),
    "topics": Kind(
        "hidden topics that change slowly; moves=next or any",
        {"topics": 4, "switch": 0.05, "words": 4, "overlap": 0.0, "moves": "next"},
        lambda name, *, topics, **options: slow_topics(topics, **options, name=name),
        lambda options: options["topics"],
    ),
    "mds": Kind(
        "words of a Reed–Solomon code",
        {"field": 5, "length": 4, "dimension": 2},
        lambda name, **options: mds_code(**options, name=name),
    ),
    "arithmetic": Kind(
        "sums with their results, 3+4-2=5;",
        {"operands": 3, "largest": 9},
        lambda name, **options: arithmetic_chains(**options, name=name),
    ),
}
