"""Languages from a line of text: "2-gram", "hmm:states=8,prune=0.05,seed=1", "text:FILE,order=3"."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from languages.constructions import copy_pairs
from languages.language import Language
from languages.random_languages import random_hmm, random_ngram
from languages.text import ngram_from_text

# The defaults are ours (the paper's are not in our sources). Each has a support that is a proper subset of all
# sequences and in which independent draws from the marginals are mostly wrong.
NGRAM_DEFAULTS = {"vocab": 8, "seed": 1, "prune": 0.05, "concentration": 1.0}
HMM_DEFAULTS = {"states": 8, "vocab": 8, "seed": 1, "prune": 0.05, "concentration": 0.1}
COPY_DEFAULTS = {"symbols": 16}
TEXT_DEFAULTS = {"order": 2, "prune": 0.0, "level": "char"}

GRAMMAR = """\
N-gram[:vocab=8,seed=1,prune=0.05,concentration=1]            random n-gram, N = 1, 2, 3, …
hmm[:states=8,vocab=8,seed=1,prune=0.05,concentration=0.1]    random hidden Markov model
copy-pairs[:symbols=16]                                       independent pairs (a, a)
text:FILE[,order=2,prune=0,level=char]                        n-gram counted from a file"""


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
    if ngram:
        options = _options(specification, rest, NGRAM_DEFAULTS)
        return random_ngram(
            int(ngram[1]),
            options["vocab"],
            seed=options["seed"],
            prune_below=options["prune"],
            concentration=options["concentration"],
            name=specification,
        )
    builders: dict[str, Callable[[str, str], Language]] = {"hmm": _hmm, "copy-pairs": _copy_pairs, "text": _text}
    if name not in builders:
        raise ValueError(f"unknown language {specification!r}; one of:\n{GRAMMAR}")
    return builders[name](specification, rest)


def _hmm(specification: str, rest: str) -> Language:
    options = _options(specification, rest, HMM_DEFAULTS)
    return random_hmm(
        options["states"],
        options["vocab"],
        seed=options["seed"],
        prune_below=options["prune"],
        concentration=options["concentration"],
        name=specification,
    )


def _copy_pairs(specification: str, rest: str) -> Language:
    return copy_pairs(_options(specification, rest, COPY_DEFAULTS)["symbols"])


def _text(specification: str, rest: str) -> Language:
    file, _, rest = rest.partition(",")
    if not file:
        raise ValueError(f"{specification!r} names no file; write text:FILE[,order=2,prune=0,level=char]")
    options = _options(specification, rest, TEXT_DEFAULTS)
    return ngram_from_text(Path(file), options["order"], prune_below=options["prune"], level=options["level"])


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
