"""The marginal law to first order: the conflict curve."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import ConflictCurve, conflict_curve, is_first_order
from languages.reveals import revealed_before
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.convergence import LIMIT_TOLERANCE, ORDER_TOLERANCE, extrapolated, limiting, measured_order
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, SMALL_HMM, affordable, describe, pieces
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration, markov
from mdmtheory.exact.asymptotics import first_order_sequence_error_rate
from mdmtheory.exact.optimal import density_reveal, lowest_sequence_error_reveal
from mdmtheory.samplers.schemes import Bernoulli

MOST_ERRORS = 0.2
"""Largest SER at N steps from which limits are extrapolated; beyond it N is few."""
LONGEST = 16
"""Longest sequences of a reader's language that are followed to many steps."""
MOST_OVERWEIGHT = 1.25
"""Largest p(x)/q(x) at which the marginal KL follows its first order: a sequence so rare that two tokens almost
contradict each other looks like an error until N exceeds its odds. From N = 16 on the extrapolated limit was off by
2.5e-4 at 1.22, by 8.5e-3 at 1.52."""


class ConflictLaw(Entry):
    """Two tokens revealed together contradict each other at a rate g, and that is the whole error to first order."""

    id = "conflict-law"
    statement = "SER = sum_k w_k^2 g(t_{k-1}) + O(1/N^2), the marginal KL too; the SER-optimal density is sqrt(g)"
    citation = "derived here"
    trust = ("D",)
    kind = "rate"
    assumptions = "SER > 0: some sequence is impossible; a first-order chain, or V^L small enough to enumerate"

    def check(self, language: Language, length: int, *, steps: int = 32) -> Verdict:
        """Exact SER at N, 2N, 4N uniform steps against the first order, and steps of density √g.

        Args:
            language: A language whose conflict curve is exact.
            length: L ≥ 2.
            steps: N.
        """
        length = check_count("length", length, least=2)
        curve = conflict_curve(language, length)
        total = curve.integral
        self.require(total > 0, f"no two tokens of {language.name} contradict each other: SER is O(1/N^2)")
        small = affordable(language, length) and language.vocab_size**length <= 1 << 10
        self.require(small or is_first_order(language), f"{language.name} at L={length} is too large to enumerate")

        def g(t: NDArray[np.float64]) -> NDArray[np.float64]:
            return curve.g(torch.as_tensor(t, device=curve.gamma.device)).cpu().numpy()

        def law_of(reveal: NDArray[np.float64]) -> enumeration.EnumeratedLaw:
            return enumeration.law(Oracle(language), length, Bernoulli(reveal))

        def ser_of(reveal: NDArray[np.float64]) -> float:
            if not small:
                return float(markov.sequence_error_rate(language, length, reveal))
            return law_of(reveal).sequence_error_rate(language).value

        counts = [check_count("steps", steps) * 2**k for k in range(3)]
        uniform = [np.full(count, 1 / count) for count in counts]
        first = ser_of(uniform[0])
        self.require(first <= MOST_ERRORS, f"N = {counts[0]} is few: SER is {first:.3g} there, not above {MOST_ERRORS}")
        rates = [first, *map(ser_of, uniform[1:])]
        rest = [rate - _first_order(g, reveal) for rate, reveal in zip(rates, uniform, strict=True)]
        order = limiting(measured_order(rest), unit="order")
        parts = [
            Comparison("order of the rest", order, ">=", claimed(2 - ORDER_TOLERANCE, unit="order")),
            _limit("limit of N SER, uniform", counts, rates, total),
        ]
        notes = [f"1 - exp(-sum w^2 g(middle)) is off by {_middle_formula(curve, ser_of, counts)}"]
        if small:
            laws = [law_of(reveal) for reveal in uniform]
            if _overweight(laws[0], language) <= MOST_OVERWEIGHT:
                kls = [law.kl(language).value for law in laws]
                parts.append(_limit("limit of N marginal KL, uniform", counts, kls, total, unit="nats"))
            else:
                notes.append(f"marginal KL left out: some sequences are so rare that N={counts[0]} is few")
        grid = np.linspace(0, 1, 257)
        t, weights = pieces(grid, length)
        if float(g(grid).min()) > 1e-3 * float(g(grid).max()):
            best = float((weights * np.sqrt(g(t))).sum()) ** 2
            placed = [density_reveal(lambda u: np.sqrt(g(u)), count) for count in counts]
            sqrt_rates = [ser_of(reveal) for reveal in placed]
            parts.append(_limit("limit of N SER, density sqrt(g)", counts, sqrt_rates, best))
            if is_first_order(language):
                fewer = [max(1, counts[0] // 2) * 2**k for k in range(3)]
                found = [lowest_sequence_error_reveal(language, length, count) for count in fewer]
                optimal = [schedule.sequence_error_rate for schedule in found]
                parts.append(_limit("limit of N SER, optimal reveals", fewer, optimal, best))
        else:
            notes.append("g vanishes somewhere: the density sqrt(g) was left out")
        return self.verdict(describe(language, length, f"N={counts}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 4, "steps": 16}
        yield {"language": language_from("2-gram:vocab=4,seed=3,prune=0.1"), "length": 12}
        yield {"language": language_from(SMALL_HMM), "length": 4, "steps": 16}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "steps": 16}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        self.require(
            length <= LONGEST, f"L = {length} takes minutes (check does it); lengths up to {LONGEST} are quick"
        )
        few = math.ceil(conflict_curve(language, length).integral / MOST_ERRORS)
        yield {"language": language, "length": length, "steps": max(16, few)}


def _middle_formula(curve: ConflictCurve, ser_of: Callable[[NDArray[np.float64]], float], counts: list[int]) -> str:
    """How far the formula with g at the middle of each step is off, relative to the SER, at 4 steps and at most."""
    words = []
    for count in (4, counts[-1]):
        reveal = np.full(count, 1 / count)
        words.append(f"{first_order_sequence_error_rate(curve, reveal) / ser_of(reveal) - 1:+.2%} at N={count}")
    return ", ".join(words)


def _overweight(law: enumeration.EnumeratedLaw, language: Language) -> float:
    """Largest p(x)/q(x) on the support."""
    truth = language.log_prob(enumeration.sequences(language.vocab_size, law.length)).exp().cpu()
    return float((law.probs[truth > 0] / truth[truth > 0]).max())


def _first_order(g: Callable[[NDArray[np.float64]], NDArray[np.float64]], reveal: NDArray[np.float64]) -> float:
    """Σ_k w_k² g(t_{k−1})."""
    return float(reveal**2 @ g(revealed_before(torch.as_tensor(reveal)).numpy()))


def _limit(what: str, counts: list[int], values: Any, goal: float, *, unit: str = "probability") -> Comparison:
    """N·value → goal, by extrapolation."""
    limit = extrapolated([count * value for count, value in zip(counts, values, strict=True)])
    if not math.isfinite(limit):
        raise ValueError(f"{what}: {values} have no limit")
    return Comparison(
        what,
        limiting(limit, law="marginal", unit=unit),
        "==",
        Estimate.exact(goal, law="marginal", unit=unit),
        tolerance=LIMIT_TOLERANCE * min(1.0, goal),
    )
