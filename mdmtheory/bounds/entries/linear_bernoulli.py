"""Bernoulli reveals: a bound by the largest step."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, Language, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, bernoulli_instances, bernoulli_path_kl, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.samplers.schemes import Bernoulli


class LinearBernoulli(Entry):
    """Error a token falls as 1/N, whatever the length."""

    id = "linear-bernoulli"
    statement = "Bernoulli reveals: path KL <= max_k w_k L Z_L; uniform steps: log-TER gap <= Z_L/N"
    citation = "derived here"
    trust = ("D",)
    kind = "bound"
    assumptions = "V^L small enough to enumerate, or a first-order chain"

    def check(self, language: Language, length: int, reveal: object) -> Verdict:
        """Exact path KL against the largest step.

        Args:
            language: A language whose information curve is exact.
            length: L.
            reveal: (N,) reveal probabilities.
        """
        scheme = Bernoulli(reveal)  # type: ignore[arg-type]
        left = bernoulli_path_kl(self, language, length, scheme)
        top = float(information_curve(language, length).z[-1])
        bound = claimed(max(scheme.reveal) * length * top, unit="nats", law="path")
        parts = [Comparison("path KL", left, "<=", bound)]
        if len(set(scheme.reveal)) == 1:
            gap = Estimate.exact(left.value / length, law="path", unit="nats a token")
            limit = claimed(top / len(scheme.reveal), unit="nats a token", law="path")
            parts.append(Comparison("log-TER gap, uniform steps", gap, "<=", limit))
        return self.verdict(describe(language, length, scheme), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 5, "reveal": [0.1, 0.0, 0.6, 0.3]}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "reveal": [0.5, 0.5]}
        for length in (64, 512):
            chain = language_from("2-gram")
            yield {"language": chain, "length": length, "reveal": [1 / 32] * 32}
        # One token tells all: nothing is lost but the first step.
        yield {"language": language_from("repeat:symbols=8"), "length": 512, "reveal": [1 / 32] * 32}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield from bernoulli_instances(language, length)
