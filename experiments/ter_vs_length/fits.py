"""Which law has the shape of the paper's figures: power laws in steps and length, and how far a law's shape is off.

The languages of the paper are not ours, so levels cannot agree; a law with the right shape has the paper's figures at a
constant multiple of its own, whatever the steps and the length.
"""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy import stats

from experiments.harness.rows import BRACKETS
from experiments.ter_vs_length.cells import FIRST_ORDER
from languages import LanguageSpec

if TYPE_CHECKING:
    import pandas
    from numpy.typing import NDArray

LAWS = ("path", "marginal", "generative")
CONFIDENCE = 0.95
FROM = 64
"""The fewest steps of the paper's figures, from which power laws are fitted."""


@dataclasses.dataclass(frozen=True)
class PowerLaw:
    """y ≈ c · N^steps · L^length, by least squares in logs.

    Attributes:
        steps: Exponent of N.
        steps_half: Half-width of its 95 % interval from the scatter of the points; infinite with too few of them.
        length: Exponent of L; NaN where all points have one length.
        length_half: Half-width of its 95 % interval.
        points: How many points.
    """

    steps: float
    steps_half: float
    length: float
    length_half: float
    points: int


@dataclasses.dataclass(frozen=True)
class Match:
    """The paper's figures divided by those of a law, at the same language, length and steps.

    Attributes:
        factor: Geometric mean of the ratio: where the levels are, which the languages decide.
        scatter: Factor by which the ratio typically strays from its mean: one if the shape is the same.
        trend: Power law of the ratio: exponents zero if the shape is the same.
    """

    factor: float
    scatter: float
    trend: PowerLaw


def power_law(steps: object, lengths: object, values: object) -> PowerLaw:
    """Fit y ≈ c · N^b · L^d by least squares in logs.

    Args:
        steps: (P,) N.
        lengths: (P,) L.
        values: (P,) y > 0.

    Raises:
        ValueError: Values that are not positive, or a single N.
    """
    n, length, y = (np.asarray(column, dtype=np.float64) for column in (steps, lengths, values))
    if not ((y > 0).all() and np.isfinite(y).all()):
        raise ValueError("values must be positive and finite, for a fit in logs")
    if len(np.unique(n)) < 2:
        raise ValueError("steps must hold at least two numbers of steps, for a slope")
    columns = [np.ones_like(y), np.log(n)]
    several = len(np.unique(length)) > 1
    if several:
        columns.append(np.log(length))
    design = np.stack(columns, axis=1)
    solution, half = _least_squares(design, np.log(y))
    end = (float(solution[2]), float(half[2])) if several else (math.nan, math.nan)
    return PowerLaw(float(solution[1]), float(half[1]), *end, len(y))


def match(paper: pandas.DataFrame, ours: pandas.DataFrame) -> Match | None:
    """Hold the paper's figures against a law's at the spots they share; None where they share fewer than three.

    Args:
        paper: Rows with columns length, steps and value.
        ours: Rows with the same columns, one for each spot.
    """
    both = paper.merge(ours, on=["length", "steps"], suffixes=("", "_ours"))
    if len(both) < 3 or both["steps"].nunique() < 2:
        return None
    logs = np.log(both["value"] / both["value_ours"])
    trend = power_law(both["steps"], both["length"], both["value"] / both["value_ours"])
    return Match(math.exp(logs.mean()), math.exp(logs.std(ddof=1)), trend)


def series(table: pandas.DataFrame) -> dict[str, pandas.DataFrame]:
    """The TER increases of one language by law, one number for each spot; "paper" for what is published.

    A bracket is not a number: where there is nothing else, the marginal law is its first-order law. Estimates whose
    interval does not settle the number to a factor of two are left out.
    """
    numbers = table[~table["method"].isin(BRACKETS)]
    increase = numbers[numbers["metric"] == "ter_increase"]
    parts = {"paper": increase[increase["method"] == "published"]}
    for law in LAWS:
        rows = increase[(increase["law"] == law) & (increase["method"] != "published")]
        if law == "marginal" and not len(rows):
            rows = numbers[numbers["metric"] == FIRST_ORDER]
        parts[law] = rows[(rows["value"] > 0) & np.isfinite(rows["value"]) & (rows["high"] <= 2 * rows["low"])]
    return {name: rows for name, rows in parts.items() if len(rows)}


def fits(table: pandas.DataFrame) -> dict[tuple[str, str], PowerLaw]:
    """Power laws of every (language, series) with two numbers of steps of at least `FROM`."""
    found = {}
    for language in dict.fromkeys(table["language"]):
        for name, rows in series(table[table["language"] == language]).items():
            rows = rows[rows["steps"] >= FROM]
            if rows["steps"].nunique() >= 2:
                found[language, name] = power_law(rows["steps"], rows["length"], rows["value"])
    return found


def all_matches(table: pandas.DataFrame) -> dict[tuple[str, str], Match]:
    """How each law of each language matches the paper's figures for that kind of n-gram."""
    found = {}
    for language in dict.fromkeys(table["language"]):
        kind = series(table[table["language"] == LanguageSpec.parse(language).kind])
        for name, rows in series(table[table["language"] == language]).items():
            if name != "paper" and "paper" in kind and (one := match(kind["paper"], rows)) is not None:
                found[language, name] = one
    return found


def _least_squares(design: NDArray[np.float64], y: NDArray[np.float64]) -> tuple[NDArray[Any], NDArray[Any]]:
    """Coefficients and half-widths of their 95 % intervals."""
    solution, _, rank, _ = np.linalg.lstsq(design, y, rcond=None)
    freedom = len(y) - rank
    if freedom < 1:
        return solution, np.full(len(solution), math.inf)
    residual = y - design @ solution
    covariance = np.linalg.pinv(design.T @ design) * float(residual @ residual) / freedom
    return solution, stats.t.ppf(0.5 + CONFIDENCE / 2, freedom) * np.sqrt(covariance.diagonal())
