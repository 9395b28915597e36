"""A number that says what it is: its value, its interval, its method, its law and its unit."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Iterable
from typing import Literal, get_args

import numpy as np
from jaxtyping import Float
from scipy import stats

Method = Literal["exact", "bound", "estimated-bound", "monte-carlo", "extrapolated", "published", "measured"]

CONFIDENCE = 0.95
"""Two-sided coverage of every interval in the project."""
UNSEEN = math.log(2 / (1 - CONFIDENCE))
"""n draws miss an event of probability UNSEEN/n with probability e^−UNSEEN, as often as an interval may end too low."""
ROOM = 1e-9
"""How far a value may lie outside its interval, absolutely and relative to it: rounding."""


@dataclasses.dataclass(frozen=True, repr=False)
class Estimate:
    """A value with an interval that holds it, and the label that says how far to trust it.

    It serves as its value where a number is wanted: `float(r)`, `f"{r:.3f}"`, and `r < 0.7` or `r < other`, which
    compare values and know nothing of intervals. `r == other` asks for the same estimate, label and interval included.

    Attributes:
        value: The number.
        low: Lower end. Equal to `value` for an exact number.
        high: Upper end. Equal to `value` for an exact number.
        method: "exact" (rounding error only), "bound" (the truth is certainly inside), "estimated-bound" (a bracket of
            which an end was itself sampled: inside with the confidence of that end), "monte-carlo" (a 95 % interval),
            "extrapolated" (an interval estimated from the drift of the series), "published" (somebody else's figure) or
            "measured" (times, speeds and sizes of this machine: the median of some readings between the least and the
            largest).
        law: The law the number is about: "path", "marginal", "generative" or "learned"; empty where none applies.
        unit: "nats", "bits", "probability", "ratio", "seconds", "calls" …
        by: The algorithm that found it, such as "gap recursion", where several could have.

    Raises:
        ValueError: An unknown method, NaN, or a value outside its interval.
    """

    value: float
    low: float
    high: float
    method: Method
    law: str = ""
    unit: str = ""
    by: str = ""

    def __post_init__(self) -> None:
        if self.method not in get_args(Method):
            raise ValueError(f"method must be one of {', '.join(get_args(Method))}, got {self.method!r}")
        for name in ("value", "low", "high"):
            number = float(getattr(self, name)) + 0.0  # no number is minus zero
            if math.isnan(number):
                raise ValueError(f"{name} must be a number or infinite, got NaN")
            object.__setattr__(self, name, number)
        room = ROOM * max([1.0, *(abs(end) for end in (self.low, self.high) if math.isfinite(end))])
        if not self.low - room <= self.value <= self.high + room:
            raise ValueError(f"value {self.value} must lie between low {self.low} and high {self.high}")

    @classmethod
    def exact(cls, value: float, *, law: str = "", unit: str = "") -> Estimate:
        """Wrap a number that carries rounding error only."""
        return cls(float(value), float(value), float(value), "exact", law, unit)

    @classmethod
    def bracket(
        cls, low: float, high: float, *, of: Iterable[Estimate] = (), law: str = "", unit: str = ""
    ) -> Estimate:
        """Wrap a bracket; the value printed is its upper end.

        Args:
            low: Lower end.
            high: Upper end.
            of: The estimates from which the ends were computed. The bracket is certain ("bound") where they are, an
                "estimated-bound" where one was sampled, "extrapolated" where one was and none was sampled.
            law: See the class.
            unit: See the class.
        """
        methods = {side.method for side in of}
        method: Method = "extrapolated" if "extrapolated" in methods else "bound"
        if methods & {"monte-carlo", "estimated-bound"}:
            method = "estimated-bound"
        return cls(float(high), float(low), float(high), method, law, unit)

    @classmethod
    def from_samples(cls, samples: object, *, law: str = "", unit: str = "") -> Estimate:
        """Mean of independent samples with Student's t interval (95 %).

        For samples without rare large ones, or many; else `from_skewed_samples`.

        Args:
            samples: One-dimensional array-like of at least two numbers. Where one is infinite, as the surprise of
                something impossible is, so is the estimate.
            law: See the class.
            unit: See the class.

        Raises:
            ValueError: Fewer than two samples, NaN, or infinities of both signs.
        """
        x = _several(samples)
        mean = float(x.mean())
        half = student_half_width(x) if math.isfinite(mean) else 0.0
        return cls(mean, mean - half, mean + half, "monte-carlo", law, unit)

    @classmethod
    def from_skewed_samples(cls, samples: object, *, law: str = "", unit: str = "") -> Estimate:
        """Mean of independent samples of which rare ones may be large: a 95 % interval with room for unseen ones.

        Student's t interval, which vouches for what was seen, and beyond each end what n samples may have missed
        (`unseen_shifts`). Arguments and errors are those of `from_samples`.
        """
        x = _several(samples)
        if not np.isfinite(x).all():
            return cls.from_samples(x, law=law, unit=unit)
        mean, half = float(x.mean()), student_half_width(x)
        down, up = unseen_shifts(x)
        return cls(mean, mean - half - down, mean + half + up, "monte-carlo", law, unit)

    @classmethod
    def from_counts(cls, successes: int, trials: int, *, law: str = "", unit: str = "probability") -> Estimate:
        """Binomial proportion with the Clopper–Pearson interval (at least 95 %, never empty at 0 or 1).

        Args:
            successes: Number of successes, 0 ≤ successes ≤ trials.
            trials: Number of trials, at least one.
            law: See the class.
            unit: See the class.

        Raises:
            ValueError: Counts out of range.
        """
        if trials < 1 or not 0 <= successes <= trials:
            raise ValueError(f"successes={successes} of trials={trials}: need 0 <= successes <= trials and trials >= 1")
        tail = (1 - CONFIDENCE) / 2
        low = 0.0 if successes == 0 else float(stats.beta.ppf(tail, successes, trials - successes + 1))
        high = 1.0 if successes == trials else float(stats.beta.ppf(1 - tail, successes + 1, trials - successes))
        return cls(successes / trials, low, high, "monte-carlo", law, unit)

    @classmethod
    def measured(cls, readings: object, *, unit: str) -> Estimate:
        """Median of readings of a clock or a meter, between the least and the largest of them.

        Args:
            readings: One-dimensional array-like of at least one finite number.
            unit: See the class.

        Raises:
            ValueError: No reading, or one that is not finite.
        """
        x = np.asarray(readings, dtype=np.float64).reshape(-1)
        if not x.size or not np.isfinite(x).all():
            raise ValueError(f"readings must be finite numbers, at least one of them; got {x.tolist()}")
        return cls(float(np.median(x)), float(x.min()), float(x.max()), "measured", "", unit)

    def shifted(self, offset: float) -> Estimate:
        """The estimate of `value + offset`, for an exactly known offset."""
        return dataclasses.replace(self, value=self.value + offset, low=self.low + offset, high=self.high + offset)

    def scaled(self, factor: float) -> Estimate:
        """The estimate of `value * factor`, for an exactly known factor."""
        ends = sorted((self.low * factor, self.high * factor))
        return dataclasses.replace(self, value=self.value * factor, low=ends[0], high=ends[1])

    def __add__(self, other: Estimate) -> Estimate:
        """Sum of two independent estimates: half-widths add in quadrature, method and law of the less certain one."""
        if self.unit != other.unit or {"bound", "estimated-bound"} & {self.method, other.method}:
            raise ValueError(f"cannot add {self} and {other}: units must agree, and bounds have no quadrature")
        down = math.hypot(self.value - self.low, other.value - other.low)
        up = math.hypot(self.high - self.value, other.high - other.value)
        value = self.value + other.value
        label = other if other.method == "monte-carlo" or self.method == "exact" else self
        return Estimate(value, value - down, value + up, label.method, label.law, self.unit)

    def mapped(self, function: Callable[[float], float], *, unit: str) -> Estimate:
        """The estimate of an increasing function of the number."""
        ends = function(self.value), function(self.low), function(self.high)
        return dataclasses.replace(self, value=ends[0], low=ends[1], high=ends[2], unit=unit)

    def __float__(self) -> float:
        return self.value

    def __format__(self, specification: str) -> str:
        return format(self.value, specification) if specification else str(self)

    def __lt__(self, other: float | Estimate) -> bool:
        return self.value < float(other)

    def __le__(self, other: float | Estimate) -> bool:
        return self.value <= float(other)

    def __gt__(self, other: float | Estimate) -> bool:
        return self.value > float(other)

    def __ge__(self, other: float | Estimate) -> bool:
        return self.value >= float(other)

    def __str__(self) -> str:
        label = " ".join(part for part in (self.unit, self.law and f"{self.law} law", self.method) if part)
        label += f" by {self.by}" if self.by else ""
        if self.method in ("exact", "published"):
            return f"{self.value:.6g} ({label})"
        return f"{self.value:.6g} [{self.low:.6g}, {self.high:.6g}] ({label})"

    def __repr__(self) -> str:
        return f"Estimate: {self}"


def student_half_width(x: Float[np.ndarray, " n"]) -> float:
    """Half-width of Student's 95 % interval for the mean of n ≥ 2 samples."""
    return float(stats.t.ppf(0.5 + CONFIDENCE / 2, x.size - 1)) * float(x.std(ddof=1)) / math.sqrt(x.size)


def unseen_shifts(x: Float[np.ndarray, " n"]) -> tuple[float, float]:
    """By how much events that n samples missed may move their mean down and up.

    The rule of three: an event of probability λ/n goes unseen with probability about e^−λ, 2.5 % at λ = ln 40. It moves
    the mean by λ/n for each unit of its size, and the largest deviations seen are taken for the size of what was not.
    Nothing that a sample says guards against larger ones.
    """
    mean = float(x.mean())
    return UNSEEN / x.size * (mean - float(x.min())), UNSEEN / x.size * (float(x.max()) - mean)


def _several(samples: object) -> Float[np.ndarray, " n"]:
    x = np.asarray(samples, dtype=np.float64).reshape(-1)
    if x.size < 2:
        raise ValueError(f"an interval needs at least two samples, got {x.size}")
    if np.isnan(x).any() or (np.isposinf(x).any() and np.isneginf(x).any()):
        raise ValueError("samples must be numbers, or infinite in one direction; got NaN or infinities of both signs")
    return x
