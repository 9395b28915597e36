"""Languages from a line of text: "2-gram", "hmm:states=8,prune=0.05,seed=1", "text:FILE,order=3", "parity:block=4"."""

from __future__ import annotations

import re
from collections.abc import Callable
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
from languages.language import Language
from languages.ngram import NGramLanguage
from languages.random_languages import random_hmm, random_ngram
from languages.text import ngram_from_text
from languages.variable_length import with_end

# The defaults are ours (the paper's are not in our sources). Each has a support that is a proper subset of all
# sequences and in which independent draws from the marginals are mostly wrong.
DEFAULTS: dict[str, dict[str, Any]] = {
    "N-gram": {"vocab": 8, "seed": 1, "prune": 0.05, "concentration": 1.0},
    "hmm": {"states": 8, "vocab": 8, "seed": 1, "prune": 0.05, "concentration": 0.1},
    "text": {"order": 2, "prune": 0.0, "level": "char"},
    "copy-pairs": {"symbols": 16},
    "parity": {"block": 4},
    "repeat": {"symbols": 8},
    "cycle": {"symbols": 8},
    "walk": {"values": 64, "up": 0.5, "down": 0.5, "start": "uniform"},
    "topics": {"topics": 4, "switch": 0.05, "words": 4, "overlap": 0.0, "moves": "next"},
    "mds": {"field": 5, "length": 4, "dimension": 2},
    "arithmetic": {"operands": 3, "largest": 9},
}

MEANING = {
    "N-gram": "random n-gram, N = 1, 2, 3, …",
    "hmm": "random hidden Markov model",
    "text": "n-gram counted from a file",
    "copy-pairs": "independent pairs (a, a)",
    "parity": "blocks of bits with an even sum",
    "repeat": "one symbol, repeated",
    "cycle": "a cycle through all symbols, its phase random",
    "walk": "random walk on a circle; start=0, 1, … or uniform",
    "topics": "hidden topics that change slowly; moves=next or any",
    "mds": "words of a Reed–Solomon code",
    "arithmetic": "sums with their results, 3+4-2=5;",
}

ROUNDING = 1e-12
"""What is left of 1 by decimals that sum to it is none: a hard zero."""

COMMON = {"stop": 0.0}
"""Options of every language: the probability of an end after each token, 0 for sequences without end."""


def _grammar() -> str:
    lines = []
    for name, defaults in DEFAULTS.items():
        options = ",".join(f"{key}={value}" for key, value in defaults.items())
        lines.append((f"text:FILE[,{options}]" if name == "text" else f"{name}[:{options}]", MEANING[name]))
    width = max(len(left) for left, _ in lines)
    lines.append(("…,stop=0.1", "any of them with an end after each token (each sum) with that probability"))
    return "\n".join(f"{left:{width}}    {right}" for left, right in lines)


GRAMMAR = _grammar()


def language_from(specification: str) -> Language:
    """Build a language from its specification string.

    Args:
        specification: NAME or NAME:key=value,…, as listed in `GRAMMAR`.

    Raises:
        ValueError: An unknown name, an unknown key, or a value that does not fit.
    """
    if not isinstance(specification, str):
        raise ValueError(f"a language specification is a string, got {specification!r}")
    name, _, rest = specification.strip().partition(":")
    ngram = re.fullmatch(r"(\d+)-gram", name)
    kind = "N-gram" if ngram else name
    if kind not in _BUILDERS or name == "N-gram":
        raise ValueError(f"unknown language {specification!r}; one of:\n{GRAMMAR}")
    file = ""
    if kind == "text":
        file, _, rest = rest.partition(",")
        if not file:
            raise ValueError(f"{specification!r} names no file; write text:FILE[,order=2,prune=0,level=char]")
    options = _options(specification, rest, DEFAULTS[kind] | COMMON)
    stop = check_fraction("stop", options.pop("stop"))
    if ngram:
        options["order"] = int(ngram[1])
    if file:
        options["file"] = file
    language = _BUILDERS[kind](specification, **options)
    if not stop:
        return language
    # Sums stop when they are complete.
    return with_end(language, stop={";": stop} if kind == "arithmetic" else stop, name=specification)


def as_language(language: Language | str, *, name: str = "language") -> Language:
    """A language as it is, or from its specification.

    Args:
        language: A language, or a specification such as "2-gram".
        name: What the caller calls it.

    Raises:
        ValueError: Neither, or a specification that is none.
    """
    if isinstance(language, str):
        return language_from(language)
    if not isinstance(language, Language) and not hasattr(language, "conditionals"):  # what acts like one will do
        raise ValueError(
            f"{name} must be a Language, or a specification such as '2-gram' or 'hmm:states=8', got {language!r}"
        )
    return language


def _ngram(name: str, *, order: int, vocab: int, seed: int, prune: float, concentration: float) -> NGramLanguage:
    return random_ngram(order, vocab, seed=seed, prune_below=prune, concentration=concentration, name=name)


def _hmm(name: str, *, states: int, vocab: int, seed: int, prune: float, concentration: float) -> HMMLanguage:
    return random_hmm(states, vocab, seed=seed, prune_below=prune, concentration=concentration, name=name)


def _text(name: str, *, file: str, order: int, prune: float, level: Any) -> NGramLanguage:
    return ngram_from_text(Path(file), order, prune_below=prune, level=level)


def _walk(name: str, *, values: int, up: float, down: float, start: str) -> NGramLanguage:
    stay = 1 - check_fraction("up", up) - check_fraction("down", down)
    if stay < -ROUNDING:
        raise ValueError(f"{name!r}: up and down must sum to at most 1, got {up + down:g}")
    if start != "uniform" and not re.fullmatch(r"\d+", start):
        raise ValueError(f"{name!r}: start must be a whole number or uniform, got {start!r}")
    increments = {-1: down, 0: stay if stay > ROUNDING else 0.0, 1: up}
    return random_walk(values, increments=increments, start=None if start == "uniform" else int(start), name=name)


_BUILDERS: dict[str, Callable[..., NGramLanguage | HMMLanguage]] = {
    "N-gram": _ngram,
    "hmm": _hmm,
    "text": _text,
    "copy-pairs": lambda name, *, symbols: copy_pairs(symbols, name=name),
    "parity": lambda name, *, block: parity_blocks(block, name=name),
    "repeat": lambda name, *, symbols: repeated_symbol(symbols, name=name),
    "cycle": lambda name, *, symbols: deterministic_cycle(symbols, name=name),
    "walk": _walk,
    "topics": lambda name, *, topics, **options: slow_topics(topics, **options, name=name),
    "mds": lambda name, **options: mds_code(**options, name=name),
    "arithmetic": lambda name, **options: arithmetic_chains(**options, name=name),
}


def _options(specification: str, rest: str, defaults: dict[str, Any]) -> dict[str, Any]:
    """The defaults, overridden by the `key=value` pairs of `rest` read as the defaults' types."""
    options = dict(defaults)
    for pair in filter(None, rest.split(",")):
        key, equals, value = pair.partition("=")
        if key not in defaults or not equals:
            raise ValueError(f"{specification!r}: {pair!r} is not one of the options {', '.join(defaults)} (key=value)")
        try:
            options[key] = type(defaults[key])(value)
        except ValueError:
            kind = type(defaults[key]).__name__
            raise ValueError(f"{specification!r}: {key} must be of type {kind}, got {value!r}") from None
    return options
