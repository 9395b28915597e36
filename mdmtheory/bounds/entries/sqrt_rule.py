"""Bernoulli reveals: the best density of steps for the path law."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.convergence import ORDER_TOLERANCE, extrapolated, limiting, measured_order
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_HMM, describe, h_of, h_prime_of, nodes_of, pieces, step_costs
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.exact.optimal import best_reveal, density_reveal


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
