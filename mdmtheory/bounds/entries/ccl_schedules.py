"""Chen, Cong, Li 2511.04647: schedules of fixed sizes from one number of the language.

Bernoulli reveals can violate them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike

from languages import Estimate, Language, language_from
from languages.information import InformationCurve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entries.correlation_sizes import dual_total_correlation_sizes, total_correlation_sizes
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import curve_of, step_curve
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.exact.optimal import fixed_size_path_kl


class _FromCorrelation(Entry):
    """A schedule that needs to know one number of the language."""

    trust = ("P", "D")
    kind = "bound"
    citation = "Chen, Cong, Li 2511.04647"
    quantity: ClassVar[str]

    @staticmethod
    def known(curve: InformationCurve) -> float:
        """What the schedule has to know, exactly."""
        raise NotImplementedError

    @staticmethod
    def sizes(upper: float, epsilon: float, length: int) -> list[int]:
        """The published schedule."""
        raise NotImplementedError

    def check(self, language: Language, length: int, epsilon: float, *, upper: float | None = None) -> Verdict:
        """Exact path KL and length of the published schedule.

        Args:
            language: A language whose information curve is exact.
            length: L.
            epsilon: ε > 0, nats.
            upper: What is known of the correlation, at least its value; None for the value.
        """
        curve = curve_of(language, length)
        return self.check_curve(curve, epsilon, upper=upper, name=language.name)

    def check_curve(
        self, curve: InformationCurve | ArrayLike, epsilon: float, *, upper: float | None = None, name: str = "curve"
    ) -> Verdict:
        """The same for any information curve 0 = Z_1 ≤ Z_2 ≤ …, such as the worst cases Z_j = 1[j > k]."""
        if not isinstance(curve, InformationCurve):
            curve = InformationCurve(torch.as_tensor(np.asarray(curve, dtype=np.float64)))
        z, value = curve.z.cpu().numpy(), self.known(curve)
        rises = bool((np.diff(z) >= -1e-12).all()) and abs(z[0]) <= 1e-12
        self.require(rises, "an information curve starts at zero and rises")
        self.require(epsilon > 0, f"epsilon must be positive, got {epsilon}")
        known = value if upper is None else float(upper)
        self.require(known >= value * (1 - 1e-9), f"{known:.6g} is no upper bound of the {self.quantity}, {value:.6g}")
        length, sizes = len(z), self.sizes(known, epsilon, len(z))
        cost = Estimate.exact(fixed_size_path_kl(z, sizes), law="path", unit="nats")
        most = 2 + (1 + math.log(length)) * (1 + math.ceil(known / epsilon))
        parts = (
            Comparison("path KL", cost, "<=", claimed(epsilon, unit="nats", law="path")),
            Comparison("steps", Estimate.exact(len(sizes), unit="steps"), "<=", claimed(most, unit="steps")),
        )
        return self.verdict(f"{name}, L={length}, epsilon={epsilon:.4g}, {self.quantity} <= {known:.4g}", *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram")
        for epsilon in (1.0, 10.0, 40.0):
            yield {"language": chain, "length": 256, "epsilon": epsilon}
        yield {"language": chain, "length": 256, "epsilon": 10.0, "upper": 200.0}
        yield from self.worst()
        # All information comes with one token: the worst case.
        for field, size, dimension, share in ((11, 12, 1, 2.0), (11, 12, 11, 2.0), (5, 6, 4, 1.0)):
            code = language_from(f"mds:field={field},length={size},dimension={dimension}")
            yield {"language": code, "length": size, "epsilon": self.known(curve_of(code, size)) / share}

    @staticmethod
    def worst() -> Iterator[Mapping[str, Any]]:
        """The steps that come nearest to ε among those of up to 32 positions."""
        raise NotImplementedError

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        known = self.known(curve_of(language, length))
        self.require(known > 1e-9, f"the {self.quantity} is zero: one step is exact")
        for share in (2, 8, 32):
            yield {"language": language, "length": length, "epsilon": known / share}


class CclTc(_FromCorrelation):
    """Steps that shrink with what is left: good where little is told late."""

    id = "ccl-tc"
    statement = "fixed sizes from a bound on TC: path KL <= eps in at most 2 + (1 + ln L)(1 + ceil(TC/eps)) steps"
    assumptions = "an upper bound on the total correlation; eps > 0"
    quantity = "TC"
    caveats = (
        "on all steps of up to 32 positions, and so on all curves, zeta = ceil(TC/eps) would do as well: that the "
        "schedule has one more is untested",
        "the schedule itself is shorter than its bound in number of steps, 0.72 at most",
    )

    @staticmethod
    def known(curve: InformationCurve) -> float:
        return curve.total_correlation

    @staticmethod
    def sizes(upper: float, epsilon: float, length: int) -> list[int]:
        return total_correlation_sizes(upper, epsilon, length)

    @staticmethod
    def worst() -> Iterator[Mapping[str, Any]]:
        yield {"curve": step_curve(32, 1), "epsilon": 31 / 3, "name": "step after 1"}


class CclDtc(_FromCorrelation):
    """Steps that grow with what is known: good where all is told early."""

    id = "ccl-dtc"
    statement = "fixed sizes from a bound on DTC: path KL <= eps in at most 2 + (1 + ln L)(1 + ceil(DTC/eps)) steps"
    assumptions = "an upper bound on the dual total correlation; eps > 0"
    quantity = "DTC"

    @staticmethod
    def known(curve: InformationCurve) -> float:
        return curve.dual_total_correlation

    @staticmethod
    def sizes(upper: float, epsilon: float, length: int) -> list[int]:
        return dual_total_correlation_sizes(upper, epsilon, length)

    @staticmethod
    def worst() -> Iterator[Mapping[str, Any]]:
        yield {"curve": step_curve(32, 17), "epsilon": 17.0, "name": "step after 17"}
        # One step fewer than a share of one asks for reveals all at once.
        yield {"curve": step_curve(32, 1), "epsilon": 1.0, "name": "step after 1"}
