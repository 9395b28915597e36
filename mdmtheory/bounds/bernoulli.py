"""Bernoulli reveals: the path law as an area, a linear bound, and grids for it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import InformationCurve, information_curve, is_first_order
from mdmtheory.bounds.entry import (
    ORDER_TOLERANCE,
    Comparison,
    Entry,
    Verdict,
    claimed,
    extrapolated,
    limiting,
    measured_order,
)
from mdmtheory.bounds.sides import (
    SMALL_CHAIN,
    SMALL_HMM,
    affordable,
    describe,
    enumerated_path_kl,
    h_of,
    h_prime_of,
    nodes_of,
    pieces,
    step_costs,
)
from mdmtheory.exact import path
from mdmtheory.exact.optimal import best_reveal, density_reveal
from mdmtheory.samplers.schemes import Bernoulli


class BernoulliExact(Entry):
    """The path KL of a grid is the area between the information curve and a staircase below it."""

    id = "bernoulli-exact"
    statement = "Bernoulli reveals: path KL = sum_k int_{t_{k-1}}^{t_k} (h(u) - h(t_{k-1})) du"
    citation = "Wainwright 2608.13520; the bridge to Z_j derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate, or a first-order chain"

    def check(self, language: Language, length: int, reveal: object) -> Verdict:
        """Enumeration of all reveal orders (else the chain's own formula) against quadrature of the curve.

        Args:
            language: A language whose information curve is exact.
            length: L.
            reveal: (N,) reveal probabilities.
        """
        scheme = Bernoulli(reveal)  # type: ignore[arg-type]
        left = _exact_path_kl(self, language, length, scheme)
        value = float(step_costs(information_curve(language, length), nodes_of(scheme.reveal)).sum())
        part = Comparison("path KL", left, "==", Estimate.exact(value, law="path", unit="nats"))
        return self.verdict(describe(language, length, scheme), part)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 5, "reveal": [0.1, 0.0, 0.6, 0.3]}
        yield {"language": language_from(SMALL_HMM), "length": 5, "reveal": [0.25] * 4}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "reveal": [0.2, 0.3, 0.5]}
        yield {"language": language_from("2-gram"), "length": 64, "reveal": [1 / 32] * 32}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield from _reveals(language, length)


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
        left = _exact_path_kl(self, language, length, scheme)
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
        yield from _reveals(language, length)


class Ugc(Entry):
    """Geometric grids in the odds t/(1−t) of a revealed token."""

    id = "ugc"
    statement = "grid geometric in psi = t/(1-t): KL <= (2 H(t_0,T)/N) ln(psi(T)/psi(t_0)) + boundary terms"
    citation = "Wainwright 2608.13520"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "0 < t_0 < T < 1; N >= ln(psi(T)/psi(t_0)) for the published form"

    def check(
        self, language: Language, length: int, low: float, high: float, steps: int, *, published: bool = True
    ) -> Verdict:
        """Exact path KL of the grid 0, t_0, t_1, …, t_N = T, 1 against the bound, H(p, q) = ∫ t(1−t) h'(t) dt.

        Args:
            language: A language whose information curve is exact.
            length: L.
            low: t_0.
            high: T.
            steps: N between t_0 and T.
            published: Check the published form, which needs N ≥ ln(ψ(T)/ψ(t_0)); the form without a condition on N,
                Σ (ψ(t_{j+1})/ψ(t_j) − 1) H(t_j, t_{j+1}) + boundary, is checked in any case.
        """
        self.require(0 < low < high < 1, f"0 < low < high < 1 is needed, got {low} and {high}")
        steps = check_count("steps", steps)
        odds = np.geomspace(low / (1 - low), high / (1 - high), steps + 1)
        spread = math.log(odds[-1] / odds[0])
        self.require(not published or steps >= spread, f"N = {steps} is below ln(psi(T)/psi(t_0)) = {spread:.4g}")
        nodes = np.concatenate([[0.0], odds / (1 + odds), [1.0]])
        scheme, curve = Bernoulli(np.diff(nodes)), information_curve(language, length)
        left = _exact_path_kl(self, language, length, scheme)
        boundary = _area(curve, 0.0, nodes[1]) + _area(curve, nodes[-2], 1.0) - (1 - nodes[-2]) * _h(curve, nodes[-2])
        weighted = _weighted(curve, nodes[1:-1])
        free = float(np.expm1(np.diff(np.log(odds))) @ weighted) + boundary
        forms = [("for every N", free)]
        if published:
            forms.insert(0, ("published", 2 * float(weighted.sum()) / steps * spread + boundary))
        parts = [
            Comparison(f"path KL, {form}", left, "<=", claimed(bound, unit="nats", law="path")) for form, bound in forms
        ]
        instance = describe(language, length, f"t_0={low:.4g}, T={high:.4g}, N={steps}")
        return self.verdict(instance, *parts, notes=[f"boundary terms {boundary:.4g} nats"])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram")
        for steps in (16, 128):
            yield {"language": chain, "length": 128, "low": 1e-3, "high": 1 - 1e-3, "steps": steps}
        yield {"language": language_from(SMALL_HMM), "length": 5, "low": 0.1, "high": 0.9, "steps": 6}
        yield {"language": chain, "length": 128, "low": 0.01, "high": 0.99, "steps": 3, "published": False}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for steps in (16, 64):
            yield {"language": language, "length": length, "low": 1e-2, "high": 1 - 1e-2, "steps": steps}


class SqrtRule(Entry):
    """The best density of steps for the path law is the square root of the slope of the information curve."""

    id = "sqrt-rule"
    statement = "steps of density sqrt(h'): path KL = (int sqrt(h'))^2/(2N) + o(1/N), and no density does better"
    citation = "Wainwright 2608.13520, Theorem 3, which quotes the square-root rule of 2510.25544"
    trust = ("P", "D")
    kind = "rate"
    assumptions = "h' > 0 on [0, 1]"

    def check(self, language: Language, length: int, *, steps: int = 64) -> Verdict:
        """Path KL − (∫√h')²/(2N) at N, 2N, 4N steps, and the best grid beside it.

        Args:
            language: A language whose information curve is exact.
            length: L.
            steps: N.
        """
        curve = information_curve(language, length)
        grid = np.linspace(0, 1, 257)
        slope = h_prime_of(curve, grid)
        self.require(float(slope.min()) > 1e-6 * float(slope.max()), f"h' falls to {float(slope.min()):.3g}")
        t, weights = pieces(grid, length)
        constant = float((weights * np.sqrt(h_prime_of(curve, t))).sum()) ** 2 / 2
        counts = [check_count("steps", steps) * 2**k for k in range(3)]
        costs, best = [], []
        for count in counts:
            rule = density_reveal(lambda u: np.sqrt(h_prime_of(curve, u)), count)
            costs.append(float(step_costs(curve, nodes_of(rule)).sum()))
            optimum = best_reveal(lambda u: h_of(curve, u), count)
            best.append(float(step_costs(curve, nodes_of(optimum)).sum()))
        rest = [cost - constant / count for cost, count in zip(costs, counts, strict=True)]
        # Where h is a straight line nothing is left but the rounding of the nodes.
        order = measured_order(rest, rounding=1e-9 * costs[-1])
        limits = [extrapolated([cost * count for cost, count in zip(c, counts, strict=True)]) for c in (costs, best)]
        goal = Estimate.exact(constant, unit="nats", law="path")
        parts = (
            Comparison(
                "order of the rest beyond 1/N",
                limiting(order, unit="order"),
                ">",
                claimed(1 + ORDER_TOLERANCE, unit="order"),
            ),
            Comparison(
                "limit of N path KL",
                limiting(limits[0], law="path", unit="nats"),
                "==",
                goal,
                tolerance=1e-4 * min(1.0, constant),
            ),
            Comparison(
                "limit of N path KL, best grids",
                limiting(limits[1], law="path", unit="nats"),
                "==",
                goal,
                tolerance=1e-3 * min(1.0, constant),
            ),
            Comparison(
                "path KL, best grid against the rule",
                Estimate.exact(best[-1], law="path", unit="nats"),
                "<=",
                Estimate.exact(costs[-1], unit="nats", law="path"),
            ),
        )
        uniform = float(step_costs(curve, np.linspace(0, 1, counts[-1] + 1)).sum())
        notes = [f"{counts[-1]} uniform steps: {uniform:.4g} nats, {uniform / costs[-1]:.3g} times as much"]
        return self.verdict(describe(language, length, f"N={counts}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from("2-gram"), "length": 32}
        yield {"language": language_from(SMALL_HMM), "length": 6}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}


def _reveals(language: Language, length: int) -> Iterator[Mapping[str, Any]]:
    """Uniform steps, few and many where it can be done without enumeration, and uneven ones."""
    for count in (4, 32) if is_first_order(language) else (4,):
        yield {"language": language, "length": length, "reveal": [1 / count] * count}
    yield {"language": language, "length": length, "reveal": [0.1, 0.2, 0.3, 0.4]}


def _exact_path_kl(entry: Entry, language: Language, length: int, scheme: Bernoulli) -> Estimate:
    """Path KL of the exact denoiser by enumeration, or by the formula of a first-order chain."""
    if affordable(language, length) and language.vocab_size**length <= 1 << 12:
        return enumerated_path_kl(language, length, scheme)
    entry.require(is_first_order(language), f"{language.name} at L={length} is neither small nor a first-order chain")
    return Estimate.exact(path.path_kl(language, length, scheme.reveal), law="path", unit="nats")  # type: ignore[arg-type]


def _h(curve: InformationCurve, t: float) -> float:
    return float(h_of(curve, np.array([t]))[0])


def _area(curve: InformationCurve, low: float, high: float) -> float:
    """∫ h over [low, high]."""
    t, weights = pieces(np.linspace(low, high, 9), curve.length)
    return float((weights * h_of(curve, t)).sum())


def _weighted(curve: InformationCurve, nodes: NDArray[np.float64]) -> NDArray[np.float64]:
    """H(t_{j}, t_{j+1}) = ∫ t(1−t) h'(t) dt between nodes."""
    t, weights = pieces(nodes, curve.length + 1)
    return (weights * t * (1 - t) * h_prime_of(curve, t)).sum(1)
