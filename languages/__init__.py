"""Exact synthetic languages: laws on sequences that sample, score and give the exact posterior of hidden positions."""

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
from languages.interchange import from_hmmlearn, load, save, to_frame, to_hmmlearn
from languages.language import Conditionals, Language
from languages.ngram import NGramLanguage
from languages.random_languages import random_hmm, random_ngram, random_stops
from languages.specification import language_from
from languages.text import TextLanguage, ngram_from_text
from languages.variable_length import ending_within, with_end

__all__ = [
    "Conditionals",
    "Estimate",
    "HMMLanguage",
    "Language",
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
    "language_from",
    "load",
    "mds_code",
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
