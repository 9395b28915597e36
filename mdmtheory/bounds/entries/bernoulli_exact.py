"""Bernoulli reveals: the path law as an area."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, Language, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import (
    SMALL_CHAIN,
    SMALL_HMM,
    bernoulli_instances,
    bernoulli_path_kl,
    describe,
    nodes_of,
    step_costs,
)
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.samplers.schemes import Bernoulli


class BernoulliExact(Entry):
    """The path KL of a grid is the area between the information curve and a staircase below it."""

    id = "bernoulli-exact"
    statement = "Bernoulli reveals: path KL = sum_k int_{t_{k-1}}^{t_k} (h(u) - h(t_{k-1})) du"
    citation = "Wainwright 2608.13520; the bridge to Z_j derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate, or a first-order chain"

    caveats = ("where V^L is too large to enumerate both sides are made from the same pair informations",)

    def check(self, language: Language, length: int, reveal: object) -> Verdict:
        """Enumeration of all reveal orders (else the chain's own formula) against quadrature of the curve.

        Args:
            language: A language whose information curve is exact.
            length: L.
            reveal: (N,) reveal probabilities.
        """
        scheme = Bernoulli(reveal)  # type: ignore[arg-type]
        left = bernoulli_path_kl(self, language, length, scheme)
        value = float(step_costs(information_curve(language, length), nodes_of(scheme.reveal)).sum())
        part = Comparison("path KL", left, "==", Estimate.exact(value, law="path", unit="nats"))
        return self.verdict(describe(language, length, scheme), part)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 5, "reveal": [0.1, 0.0, 0.6, 0.3]}
        yield {"language": language_from(SMALL_HMM), "length": 5, "reveal": [0.25] * 4}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "reveal": [0.2, 0.3, 0.5]}
        yield {"language": language_from("2-gram"), "length": 64, "reveal": [1 / 32] * 32}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield from bernoulli_instances(language, length)
