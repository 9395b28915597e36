"""Hidden structure: dual total correlation, and the continuous-time bound that it rules."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from scipy import special

from languages import Estimate, HMMLanguage, Language, NGramLanguage, language_from
from languages.checks import check_count, check_fraction
from languages.information import information_curve
from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.sides import SMALL_HMM, describe, h_prime_of, pieces, step_costs

Schedule = Literal["constant", "exponential-then-constant"]


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


class DmitrievMask(Entry):
    """Continuous time: what a step costs is its length times the information that flows during it."""

    id = "dmitriev-mask"
    statement = "KL <~ sum_k h_k int I(t) dt, I(t) = u^2 h'(u), u = e^-t; DTC/eps or min(TC, DTC)/eps steps"
    citation = "2602.15008, Theorem 3 (constants hidden there); factor (e^h - 1)/h, and the sums, derived here"
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
        self.require(step > 0, f"step must be positive, got {step}")
        self.require(0 < stop < start, f"0 < stop < start is needed, got {stop} and {start}")
        self.require(schedule in ("constant", "exponential-then-constant"), f"schedule {schedule!r} is unknown")
        curve = information_curve(language, check_count("length", length))
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
        ruling, name = (dtc, "DTC") if schedule == "constant" else (min(tc, dtc), "min(TC, DTC)")
        parts = (
            Comparison("path KL", left, "<=", claimed(float(np.expm1(lengths) @ flow), law="path", unit="nats")),
            Comparison(
                f"sum against h {name}",
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
            notes.append(f"N KL / {name} = {len(lengths) * whole / ruling:.4g}")
        return self.verdict(describe(language, length, f"{schedule} steps of {step:g}"), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from("2-gram"), language_from(SMALL_HMM)
        for schedule in ("constant", "exponential-then-constant"):
            yield {"language": chain, "length": 128, "step": 0.1, "schedule": schedule}
            yield {"language": hidden, "length": 6, "step": 0.5, "schedule": schedule}

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
