"""Wen, Liang, Lu 2608.25505: an order that costs nothing."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, Language, NGramLanguage, language_from
from languages.checks import check_count
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, affordable, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bisection


class WenBisection(Entry):
    """On a chain of known order the right order costs nothing and takes logarithmically many rounds."""

    id = "wen-bisection"
    statement = "order-m Markov, L >= m: bisection by m-blocks is exact, in at most m(ceil(log2(L/m)) + 1) rounds"
    citation = "Wen, Liang, Lu 2608.25505"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "an n-gram (m = n - 1, at least 1), L >= m"

    def check(self, language: Language, length: int) -> Verdict:
        """KL by enumeration where the language is small enough, and the number of rounds at any length.

        Args:
            language: An n-gram.
            length: L ≥ m.
        """
        self.require(isinstance(language, NGramLanguage), f"{language.name} is no n-gram")
        assert isinstance(language, NGramLanguage)
        order = max(1, language.order - 1)
        self.require(check_count("length", length) >= order, f"L = {length} is less than m = {order}")
        scheme, parts, notes = Bisection(order), [], []
        if affordable(language, length):
            left = enumeration.law(Oracle(language), length, scheme).kl(language)
            parts.append(Comparison("KL(q||p)", left, "==", Estimate.exact(0.0, law="marginal", unit="nats")))
        else:
            notes.append(f"V={language.vocab_size}, L={length} is too large to enumerate: rounds only")
        rounds = Estimate.exact(scheme.num_rounds(length), unit="rounds")
        most = order * (math.ceil(math.log2(length / order)) + 1)
        parts.append(Comparison("rounds R(L)", rounds, "==", Estimate.exact(_rounds(length, order), unit="rounds")))
        parts.append(Comparison("rounds in closed form", rounds, "<=", claimed(most, unit="rounds")))
        return self.verdict(describe(language, length, scheme), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 7}
        yield {"language": language_from("3-gram:vocab=2,seed=0,prune=0"), "length": 8}
        yield {"language": language_from("4-gram:vocab=2,seed=0,prune=0"), "length": 8}
        yield {"language": language_from("4-gram:vocab=3,seed=0,prune=0.1"), "length": 1000}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


def _rounds(length: int, order: int) -> int:
    """R(l) = l if l ≤ m, else m + R(⌈(l − m)/2⌉)."""
    return length if length <= order else order + _rounds(-(-(length - order) // 2), order)
