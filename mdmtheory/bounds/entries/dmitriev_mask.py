"""Dmitriev et al. 2602.15008: steps in continuous time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import InformationCurve, information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_HMM, h_prime_of, pieces, step_costs, step_curve
from mdmtheory.bounds.verdict import Verdict

Schedule = Literal["constant", "exponential-then-constant"]


class DmitrievMask(Entry):
    """Continuous time: what a step costs is its length times the information that flows during it."""

    id = "dmitriev-mask"
    statement = "KL <~ sum_k h_k int I(t) dt, I(t) = u^2 h'(u), u = e^-t; DTC/eps or min(TC, DTC)/eps steps"
    citation = (
        "2602.15008, Theorem 3 (constants hidden there, 0.03 to 1.2 by the curve); (e^h - 1)/h and sums derived here"
    )
    trust = ("P", "D")
    kind = "bound"
    assumptions = "a language whose information curve is exact; 0 < step; 0 < stop < start"

    def check(
        self,
        language: Language,
        length: int,
        step: float,
        *,
        schedule: Schedule = "constant",
        start: float = 8.0,
        stop: float = 1e-3,
    ) -> Verdict:
        """Discretisation part of the path KL of a grid in t = −ln u, u the revealed fraction, without its two ends.

        Args:
            language: A language whose information curve is exact.
            length: L.
            step: h, the length of a constant step; "exponential-then-constant" steps from t have length h·min(1, t).
            schedule: Which of the two.
            start: T, where the first reveals come at once.
            stop: Where the last reveals come at once; constant steps go on to 0.
        """
        curve = information_curve(language, check_count("length", length))
        return self.check_curve(curve, step, schedule=schedule, start=start, stop=stop, name=language.name)

    def check_curve(
        self,
        curve: InformationCurve,
        step: float,
        *,
        schedule: Schedule = "constant",
        start: float = 8.0,
        stop: float = 1e-3,
        name: str = "curve",
    ) -> Verdict:
        """The same for any information curve."""
        length = curve.length
        self.require(step > 0, f"step must be positive, got {step}")
        self.require(0 < stop < start, f"0 < stop < start is needed, got {stop} and {start}")
        self.require(schedule in ("constant", "exponential-then-constant"), f"schedule {schedule!r} is unknown")
        times = _times(step, schedule, start, stop)
        nodes = np.exp(-times)
        costs = step_costs(curve, nodes)
        # ∫ I dt = ∫ u h'(u) du over a step.
        u, weights = pieces(nodes, length)
        flow = (weights * u * h_prime_of(curve, u)).sum(1)
        lengths = -np.diff(times)
        weighted = float(lengths @ flow)
        left = Estimate.exact(float(costs.sum()), law="path", unit="nats")
        tc, dtc = curve.total_correlation, curve.dual_total_correlation
        ruling, what = (dtc, "DTC") if schedule == "constant" else (min(tc, dtc), "min(TC, DTC)")
        parts = (
            Comparison("path KL", left, "<=", claimed(float(np.expm1(lengths) @ flow), law="path", unit="nats")),
            Comparison(
                f"sum against h {what}",
                Estimate.exact(weighted, unit="nats"),
                "<=",
                claimed(step * ruling, unit="nats"),
            ),
        )
        ends = float(step_costs(curve, np.array([0.0, nodes[0]])).sum())
        ends += float(step_costs(curve, np.array([nodes[-1], 1.0])).sum()) if nodes[-1] < 1 else 0.0
        whole = left.value + ends
        notes = [f"ends {ends:.4g} nats; N = {len(lengths)} inner steps"]
        if weighted > 0:
            notes.insert(0, f"smallest constant {left.value / weighted:.4g}")
            notes.append(f"N KL / {what} = {len(lengths) * whole / ruling:.4g}")
        return self.verdict(f"{name}, L={length}, {schedule} steps of {step:g}", *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from("2-gram"), language_from(SMALL_HMM)
        for schedule in ("constant", "exponential-then-constant"):
            yield {"language": chain, "length": 128, "step": 0.1, "schedule": schedule}
            yield {"language": hidden, "length": 6, "step": 0.5, "schedule": schedule}
        # All is told at the very beginning of a step, and in a step that hardly begins: the constant is 1.2, and 0.03.
        yield {"curve": step_curve(120, 50), "step": 1.0, "name": "step after 50"}
        yield {"curve": step_curve(120, 117), "step": 1.0, "name": "step after 117"}
        late = "exponential-then-constant"
        yield {"curve": step_curve(96, 24), "step": 0.5, "schedule": late, "name": "step after 24"}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for schedule in ("constant", "exponential-then-constant"):
            yield {"language": language, "length": length, "step": 0.1, "schedule": schedule}


def _times(step: float, schedule: Schedule, start: float, stop: float) -> NDArray[np.float64]:
    """Falling times from `start` to `stop` (constant steps: to 0)."""
    if schedule == "constant":
        return np.linspace(start, 0.0, math.ceil(start / step) + 1)
    # Built from the end: a step that begins further out is as long as its inner end allows, h·min(1, t).
    times = [stop]
    while times[-1] < start:
        times.append(min(start, times[-1] + step * min(1.0, times[-1])))
    return np.array(times[::-1])
