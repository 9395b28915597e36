"""Exact synthetic languages: laws on sequences that sample, score and give the exact posterior of hidden positions.

What is here is imported when it is first asked for.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from languages.automata.markov_chain import MarkovChain
    from languages.automata.support import SupportAutomaton
    from languages.constructions import (
        arithmetic_chains,
        block_language,
        copy_pairs,
        deterministic_cycle,
        mds_code,
        parity_blocks,
        random_walk,
        repeated_symbol,
        slow_topics,
    )
    from languages.estimate import Estimate
    from languages.hidden_markov import HMMLanguage
    from languages.information import entropy_rate
    from languages.interchange import from_hmmlearn, language_digest, load, save, to_frame, to_hmmlearn
    from languages.language import Conditionals, Language
    from languages.next_token import next_token_log_probs
    from languages.ngram import NGramLanguage
    from languages.random_languages import random_hmm, random_ngram, random_stops
    from languages.specification import LanguageSpec, language_from
    from languages.text import TextLanguage, ngram_from_text
    from languages.variable_length import ending_within, with_end

_ROOMS = {
    "languages.automata.markov_chain": ("MarkovChain",),
    "languages.automata.support": ("SupportAutomaton",),
    "languages.constructions": (
        "arithmetic_chains",
        "block_language",
        "copy_pairs",
        "deterministic_cycle",
        "mds_code",
        "parity_blocks",
        "random_walk",
        "repeated_symbol",
        "slow_topics",
    ),
    "languages.estimate": ("Estimate",),
    "languages.hidden_markov": ("HMMLanguage",),
    "languages.information": ("entropy_rate",),
    "languages.interchange": ("from_hmmlearn", "language_digest", "load", "save", "to_frame", "to_hmmlearn"),
    "languages.language": ("Conditionals", "Language"),
    "languages.next_token": ("next_token_log_probs",),
    "languages.ngram": ("NGramLanguage",),
    "languages.random_languages": ("random_hmm", "random_ngram", "random_stops"),
    "languages.specification": ("LanguageSpec", "language_from"),
    "languages.text": ("TextLanguage", "ngram_from_text"),
    "languages.variable_length": ("ending_within", "with_end"),
}
"""Where each public name lives."""

_HOME = {name: room for room, names in _ROOMS.items() for name in names}

__all__ = [
    "Conditionals",
    "Estimate",
    "HMMLanguage",
    "Language",
    "LanguageSpec",
    "MarkovChain",
    "NGramLanguage",
    "SupportAutomaton",
    "TextLanguage",
    "arithmetic_chains",
    "block_language",
    "copy_pairs",
    "deterministic_cycle",
    "ending_within",
    "entropy_rate",
    "from_hmmlearn",
    "language_digest",
    "language_from",
    "load",
    "mds_code",
    "next_token_log_probs",
    "ngram_from_text",
    "parity_blocks",
    "random_hmm",
    "random_ngram",
    "random_stops",
    "random_walk",
    "repeated_symbol",
    "save",
    "slow_topics",
    "to_frame",
    "to_hmmlearn",
    "with_end",
]


def __getattr__(name: str) -> object:
    """Import a public name from its room, or a room that has public names of its own."""
    if name in ("constructions", "information", "interchange", "variable_length"):
        return importlib.import_module(f"{__name__}.{name}")
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    found = getattr(importlib.import_module(_HOME[name]), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """The public names, imported or not."""
    return sorted(__all__)
