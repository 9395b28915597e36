"""Dual total correlation of hidden Markov languages."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from scipy import special

from languages import Estimate, HMMLanguage, Language, NGramLanguage, language_from
from languages.checks import check_fraction
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import describe
from mdmtheory.bounds.verdict import Verdict


class HmmDtc(Entry):
    """A language that changes its hidden state rarely has little dual total correlation."""

    id = "hmm-dtc"
    statement = "K hidden states, switch probability <= p <= 1-1/K: DTC <= H(path) <= ln K + (L-1)(H_b(p) + p ln(K-1))"
    citation = "derived here; p L log(K/p) of 2602.15008, Proposition 1, holds only up to a constant and for pL >~ 1"
    trust = ("D", "P")
    kind = "bound"
    assumptions = "a hidden Markov model that leaves no state with probability above p <= 1 - 1/K; an exact DTC"

    def check(self, language: Language, length: int, *, switch: float | None = None) -> Verdict:
        """Exact DTC, exact entropy of the hidden path, and the bound.

        Args:
            language: A hidden Markov model.
            length: L.
            switch: p; None for the largest probability of leaving a state.
        """
        self.require(isinstance(language, HMMLanguage), f"{language.name} is no hidden Markov model")
        assert isinstance(language, HMMLanguage)
        states = language.num_states
        actual = float((1 - language.transition.diagonal()).max())
        p = actual if switch is None else check_fraction("switch", switch)
        self.require(actual <= p + 1e-12, f"a state is left with probability {actual:.4g}, more than p = {p:.4g}")
        self.require(p <= 1 - 1 / states + 1e-12, f"p = {p:.4g} exceeds 1 - 1/K = {1 - 1 / states:.4g}")
        dtc = information_curve(language, length).dual_total_correlation
        path = NGramLanguage(language.transition, language.initial).entropy(length)
        binary = float(special.entr(p) + special.entr(1 - p))
        bound = math.log(states) + (length - 1) * (binary + float(special.xlogy(p, states - 1)))
        hidden = Estimate.exact(path, unit="nats")
        parts = (
            Comparison("DTC against the entropy of the path", Estimate.exact(dtc, unit="nats"), "<=", hidden),
            Comparison("entropy of the path", hidden, "<=", claimed(bound, unit="nats")),
        )
        notes = []
        if p > 0:
            form = p * length * math.log(states / p)
            notes.append(f"DTC is {dtc / form:.3g} times p L ln(K/p), the published form (pL = {p * length:.3g})")
        return self.verdict(describe(language, length, f"K={states}, p={p:.4g}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for switch in (0.02, 0.3):
            yield {"language": language_from(f"topics:topics=2,switch={switch},words=2,moves=any"), "length": 6}
        sure, vague = "topics:topics=2,switch=0.1,words=1,moves=any", "topics:topics=3,switch=0.05,words=1,overlap=0.1"
        yield {"language": language_from(sure), "length": 10, "switch": 0.2}
        yield {"language": language_from(f"{vague},moves=any"), "length": 7}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}
