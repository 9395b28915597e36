"""Exact synthetic languages: laws on sequences that sample, score and give the exact posterior of hidden positions."""

from languages.constructions import copy_pairs
from languages.estimate import Estimate
from languages.hidden_markov import HMMLanguage
from languages.language import Conditionals, Language
from languages.ngram import NGramLanguage
from languages.random_languages import random_hmm, random_ngram
from languages.specification import language_from
from languages.text import TextLanguage, ngram_from_text

__all__ = [
    "Conditionals",
    "Estimate",
    "HMMLanguage",
    "Language",
    "NGramLanguage",
    "TextLanguage",
    "copy_pairs",
    "language_from",
    "ngram_from_text",
    "random_hmm",
    "random_ngram",
]
