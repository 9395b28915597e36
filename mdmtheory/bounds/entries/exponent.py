"""The marginal law of long sequences to first order: the exponent."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import is_first_order
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.convergence import LIMIT_TOLERANCE, ORDER_TOLERANCE, extrapolated, limiting, measured_order
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.exact import markov
from mdmtheory.exact.asymptotics import conflict_rate


class Exponent(Entry):
    """For long sequences the chance of a correct one falls with every token by a factor that N steps bring to one."""

    id = "exponent"
    statement = "irreducible aperiodic first-order chain, uniform steps: -ln lambda_N = kappa/N + O(1/N^2)"
    citation = "derived here"
    trust = ("D",)
    kind = "rate"
    assumptions = "an irreducible aperiodic first-order chain that mixes within some hundred tokens, kappa > 0"

    def check(self, language: Language, *, steps: int = 32) -> Verdict:
        """The exponent of the gap recursion at N, 2N, 4N steps against κ from conflicts in gaps of a stationary chain.

        Args:
            language: The chain.
            steps: N.
        """
        self.require(is_first_order(language), f"{language.name} is no first-order chain")
        try:
            kappa = conflict_rate(language).kappa()
        except ValueError as error:
            self.require(False, str(error))
        self.require(kappa > 0, f"no two tokens of {language.name} contradict each other")
        counts = [check_count("steps", steps) * 2**k for k in range(3)]
        exponents = [markov.error_exponent(language, np.full(count, 1 / count)) for count in counts]
        rest = [found.value - kappa / count for found, count in zip(exponents, counts, strict=True)]
        limit = extrapolated([found.value * count for found, count in zip(exponents, counts, strict=True)])
        # What the extrapolation in length leaves open, magnified by N and by the extrapolation in N.
        open_ends = 2 * max(count * (found.high - found.low) for found, count in zip(exponents, counts, strict=True))
        parts = (
            Comparison(
                "order of the rest",
                limiting(measured_order(rest), unit="order"),
                ">=",
                claimed(2 - ORDER_TOLERANCE, unit="order"),
            ),
            Comparison(
                "limit of N exponent",
                Estimate(limit, limit - open_ends, limit + open_ends, "extrapolated", "marginal", "nats"),
                "==",
                Estimate.exact(kappa, law="marginal", unit="nats"),
                tolerance=LIMIT_TOLERANCE * min(1.0, kappa),
            ),
        )
        notes = [f"kappa = {kappa:.6g}: about {kappa / math.log(2):.3g} L steps for SER 1/2"]
        return self.verdict(f"{language.name}, N={counts}", *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from("2-gram:vocab=3,seed=1,prune=0.15")}
        yield {"language": language_from("2-gram:vocab=4,seed=3,prune=0.1")}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language}
