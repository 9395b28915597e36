"""The tidy row: one value, where it belongs, and how far to trust it."""

from __future__ import annotations

import dataclasses
import math
import operator
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from languages.estimate import Estimate

# As `languages.estimate` has them, spelt out because that module brings scipy, which `--help` has no use for.
METHODS = ("exact", "bound", "estimated-bound", "monte-carlo", "extrapolated", "published", "measured")
BRACKETS = ("bound", "estimated-bound")
"""Methods whose value is the upper end of a bracket and no number of its own."""
LAWS = ("", "path", "marginal", "generative", "learned")


@dataclasses.dataclass(frozen=True, kw_only=True)
class Row:
    """One value of the table; an experiment that needs more columns adds fields in a subclass.

    Attributes:
        language: Name of the language.
        length: Sequence length L; None where there is none.
        denoiser: "oracle", "mdm", "ar" …; empty where none is involved.
        sampler: Name of the plan, policy or kernel; empty where none is involved.
        steps: Number of sampling steps N; None where there is none.
        metric: "ter", "ter_increase", "kl", "ser", "network_calls", "seconds" …
        law: "path", "marginal", "generative", "learned", or empty.
        value: The number; may be infinite, never NaN.
        low: Lower end of its interval; the value itself if exact.
        high: Upper end of its interval; the value itself if exact.
        method: One of `METHODS`, described in `languages.estimate.Estimate`.
        unit: "nats", "ratio", "probability", "seconds", "calls" …
        by: The algorithm that found it, such as "gap recursion"; empty where there is but one.
    """

    language: str
    length: int | None
    denoiser: str
    sampler: str
    steps: int | None
    metric: str
    law: str
    value: float
    low: float
    high: float
    method: str
    unit: str
    by: str = ""

    def __post_init__(self) -> None:
        # numpy scalars are welcome, and stored as what they mean.
        for name in ("length", "steps"):
            number = getattr(self, name)
            object.__setattr__(self, name, None if number is None else operator.index(number))
        for name in ("value", "low", "high"):
            object.__setattr__(self, name, float(getattr(self, name)))
            if math.isnan(getattr(self, name)):
                raise ValueError(f"{name} of {self.metric!r} must be a number or infinite, got nan")
        if not self.metric:
            raise ValueError("metric must not be empty")
        if self.law not in LAWS:
            raise ValueError(f"law of {self.metric!r} must be one of {LAWS}, got {self.law!r}")
        if self.method not in METHODS:
            raise ValueError(f"method of {self.metric!r} must be one of {METHODS}, got {self.method!r}")
        # Transformed ends (exp, log1p …) need not be monotone to the last bit.
        slack = 1e-12 * abs(self.value) if math.isfinite(self.value) else 0.0
        if not self.low - slack <= self.value <= self.high + slack:
            raise ValueError(
                f"{self.metric!r} must have low <= value <= high, got {self.low}, {self.value}, {self.high}"
            )

    @classmethod
    def of(cls, estimate: Estimate, **places: Any) -> Self:
        """Make a row of an estimate, which brings all it knows; `places` are the other fields.

        A place given under one of these names wins, so `Row.of(estimate, law="path", …)` relabels.
        """
        brought = {name: getattr(estimate, name) for name in ("value", "low", "high", "method", "law", "unit", "by")}
        return cls(**{**brought, **places})


COLUMNS = tuple(field.name for field in dataclasses.fields(Row))
"""The columns every results table has, in order."""
LATER = {"by": ""}
"""Columns that results stored before they came lack, and what stands there for them."""
