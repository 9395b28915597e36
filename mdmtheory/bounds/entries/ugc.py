"""Bernoulli reveals: geometric grids."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import InformationCurve, information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import (
    SMALL_HMM,
    bernoulli_path_kl,
    h_of,
    h_prime_of,
    nodes_of,
    pieces,
    step_costs,
    step_curve,
)
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.samplers.schemes import Bernoulli


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

        def path_kl(scheme: Bernoulli) -> Estimate:
            return bernoulli_path_kl(self, language, length, scheme)

        name = f"{language.name}, L={length}"
        return self._held(information_curve(language, length), path_kl, name, low, high, steps, published)

    def check_curve(
        self,
        curve: InformationCurve,
        low: float,
        high: float,
        steps: int,
        *,
        published: bool = True,
        name: str = "curve",
    ) -> Verdict:
        """The same for any information curve."""

        def path_kl(scheme: Bernoulli) -> Estimate:
            return Estimate.exact(float(step_costs(curve, nodes_of(scheme.reveal)).sum()), law="path", unit="nats")

        return self._held(curve, path_kl, f"{name}, L={curve.length}", low, high, steps, published)

    def _held(
        self,
        curve: InformationCurve,
        path_kl: Callable[[Bernoulli], Estimate],
        name: str,
        low: float,
        high: float,
        steps: int,
        published: bool,
    ) -> Verdict:
        self.require(0 < low < high < 1, f"0 < low < high < 1 is needed, got {low} and {high}")
        steps = check_count("steps", steps)
        odds = np.geomspace(low / (1 - low), high / (1 - high), steps + 1)
        spread = math.log(odds[-1] / odds[0])
        self.require(not published or steps >= spread, f"N = {steps} is below ln(psi(T)/psi(t_0)) = {spread:.4g}")
        nodes = np.concatenate([[0.0], odds / (1 + odds), [1.0]])
        left = path_kl(Bernoulli(np.diff(nodes)))
        boundary = _area(curve, 0.0, nodes[1]) + _area(curve, nodes[-2], 1.0) - (1 - nodes[-2]) * _h(curve, nodes[-2])
        weighted = _weighted(curve, nodes[1:-1])
        free = float(np.expm1(np.diff(np.log(odds))) @ weighted) + boundary
        forms = [("for every N", free)]
        if published:
            forms.insert(0, ("published", 2 * float(weighted.sum()) / steps * spread + boundary))
        parts = [
            Comparison(f"path KL, {form}", left, "<=", claimed(bound, unit="nats", law="path")) for form, bound in forms
        ]
        instance = f"{name}, t_0={low:.4g}, T={high:.4g}, N={steps}"
        return self.verdict(instance, *parts, notes=[f"boundary terms {boundary:.4g} nats"])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram")
        for steps in (16, 128):
            yield {"language": chain, "length": 128, "low": 1e-3, "high": 1 - 1e-3, "steps": steps}
        yield {"language": language_from(SMALL_HMM), "length": 5, "low": 0.1, "high": 0.9, "steps": 6}
        yield {"language": chain, "length": 128, "low": 0.01, "high": 0.99, "steps": 3, "published": False}
        # What a step reveals is told at its very beginning, and N is hardly more than the odds ask for.
        yield {"curve": step_curve(120, 12), "low": 0.1, "high": 0.6, "steps": 3, "name": "step after 12"}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for steps in (16, 64):
            yield {"language": language, "length": length, "low": 1e-2, "high": 1 - 1e-2, "steps": steps}


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
