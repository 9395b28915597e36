"""The marginal law to first order: the conflict curve, and the exponent of long sequences."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from languages import Estimate, Language, copy_pairs, random_hmm, random_ngram
from languages.checks import check_count
from languages.information import conflict_curve, is_first_order
from mdmtheory.bounds.entry import ORDER_TOLERANCE, Comparison, Entry, Verdict, claimed, extrapolated, measured_order
from mdmtheory.bounds.sides import affordable, describe, pieces
from mdmtheory.denoisers import Oracle
from mdmtheory.exact import enumeration, markov
from mdmtheory.exact.asymptotics import conflict_rate, first_order_sequence_error_rate
from mdmtheory.exact.optimal import density_reveal
from mdmtheory.samplers.schemes import Bernoulli

LIMIT_TOLERANCE = 1e-3
"""How far a limit extrapolated from N, 2N and 4N steps may be off: its own error is O(1/N³)."""


MOST_OVERWEIGHT = 2.0
"""Largest p(x)/q(x) at which the marginal KL follows its first order: a sequence so rare that two tokens almost
contradict each other looks like an error until N exceeds its odds."""


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
        rates = [ser_of(reveal) for reveal in uniform]
        rest = [rate - _first_order(g, reveal) for rate, reveal in zip(rates, uniform, strict=True)]
        order = Estimate.exact(measured_order(rest), unit="order")
        parts = [
            Comparison("order of the rest", order, ">=", claimed(2 - ORDER_TOLERANCE, unit="order")),
            _limit("limit of N SER, uniform", counts, rates, total),
        ]
        middle = first_order_sequence_error_rate(curve, uniform[-1]) / rates[-1] - 1
        notes = [f"1 - exp(-sum w^2 g(middle)) is off by {middle:+.2%} at N={counts[-1]}"]
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
            parts.append(
                Comparison(
                    "limit of N SER, density sqrt(g) against uniform",
                    Estimate.exact(best, law="marginal", unit="probability"),
                    "<=",
                    claimed(total, law="marginal", unit="probability"),
                )
            )
        else:
            notes.append("g vanishes somewhere: the density sqrt(g) was left out")
        return self.verdict(describe(language, length, f"N={counts}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": random_ngram(2, 3, seed=0, prune_below=0.2), "length": 4, "steps": 16}
        yield {"language": random_ngram(2, 4, seed=3, prune_below=0.1), "length": 12}
        yield {"language": random_hmm(3, 3, seed=5, prune_below=0.3), "length": 4, "steps": 16}
        yield {"language": copy_pairs(3), "length": 4, "steps": 16}


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
        self.require(is_first_order(language), f"{language!r} is no first-order chain")
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
                Estimate.exact(measured_order(rest), unit="order"),
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
        notes = [f"kappa = {kappa:.6g}, extrapolated {limit:.6g}"]
        return self.verdict(f"{language.name}, V={language.vocab_size}, N={counts}", *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": random_ngram(2, 3, seed=1, prune_below=0.15)}
        yield {"language": random_ngram(2, 4, seed=3, prune_below=0.1)}


def _overweight(law: enumeration.EnumeratedLaw, language: Language) -> float:
    """Largest p(x)/q(x) on the support."""
    truth = language.log_prob(enumeration.sequences(language.vocab_size, law.length)).exp().cpu()
    return float((law.probs[truth > 0] / truth[truth > 0]).max())


def _first_order(g: Callable[[NDArray[np.float64]], NDArray[np.float64]], reveal: NDArray[np.float64]) -> float:
    """Σ_k w_k² g(t_{k−1})."""
    return float(reveal**2 @ g((np.cumsum(reveal) - reveal).clip(0.0, 1.0)))


def _limit(what: str, counts: list[int], values: Any, goal: float, *, unit: str = "probability") -> Comparison:
    """N·value → goal, by extrapolation."""
    limit = extrapolated([count * value for count, value in zip(counts, values, strict=True)])
    if not math.isfinite(limit):
        raise ValueError(f"{what}: {values} have no limit")
    return Comparison(
        what,
        Estimate.exact(limit, law="marginal", unit=unit),
        "==",
        Estimate.exact(goal, law="marginal", unit=unit),
        tolerance=LIMIT_TOLERANCE * min(1.0, goal),
    )
