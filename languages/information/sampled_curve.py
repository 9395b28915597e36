"""A curve in the revealed fraction, known at nodes from independent samples: linear functionals with honest intervals.

The interval of a functional joins two errors.

* *Sampling*: rows are independent, and whatever else is known serves as control variates: the number of positions each
  row happens to reveal, and values that are known better from elsewhere (exact, or from more samples). What is left
  gets Student's interval; where rows are few or skewed, beyond its ends room for rare ones that were not drawn.
* *Interpolation*: the curve is interpolated between its nodes (`languages.information.nodes`). At every second node the
  value is compared with its interpolation from the others; where they differ beyond noise, the functional of the
  difference, scaled by how fast it falls from one set of nodes to the next finer, is added to the interval.
"""

from __future__ import annotations

import dataclasses
import functools
import math

import numpy as np
from jaxtyping import Float
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from languages.checks import check_fraction
from languages.estimate import CONFIDENCE, Estimate, unseen_shifts
from languages.information import nodes
from languages.information.protocol import Curve

FEWEST_FOR_CONTROLS = 32
"""With fewer rows coefficients of control variates would be noise: known values just take the place of sampled ones."""
VISIBLE = 2.0
"""A difference counts as interpolation error by as much as it exceeds so many standard errors."""
ROUNDING = 1e-13
"""Relative rounding of one sample."""
SAFETY, MOST = 6.0, 5.0
"""The visible misfits count `SAFETY` times the share by which they last fell, at most `MOST` times: enough for 98 % of
the schedules of codes up to L = 1024, whose curves jump within 1/√L; smooth curves need a tenth of it."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampledCurve(Curve):
    """Independent samples of a curve on [0, 1].

    Attributes:
        length: L of the language; it sets the nodes.
        samples: (R, M) unbiased values of the curve at its nodes, a row for each independent sequence; M = 4k + 1.
        surplus: (R, M) number of positions revealed beyond its mean L·t, None if they do not vary.
        known_integral: ∫ of the curve where it is known better, None if not.
        known_end: Its value at 1 where it is known better, None if not.
        skewed: Whether rare rows are much larger than the others, as where what is sampled hardly ever happens.
    """

    length: int
    samples: Float[np.ndarray, "R M"]
    surplus: Float[np.ndarray, "R M"] | None = None
    known_integral: Estimate | None = None
    known_end: Estimate | None = None
    skewed: bool = False

    def __post_init__(self) -> None:
        if self.samples.ndim != 2 or self.samples.shape[0] < 2 or self.samples.shape[1] % 4 != 1:
            raise ValueError(f"samples must have shape (R >= 2, 4k + 1), got {self.samples.shape}")

    @functools.cached_property
    def _points(self) -> NDArray[np.float64]:
        return nodes.lobatto(self.samples.shape[1], self.length)[0]

    @functools.cached_property
    def nodes(self) -> Float[np.ndarray, " M"]:
        """(M,) revealed fractions, 0 and 1 included."""
        return nodes.lobatto(self.samples.shape[1], self.length)[1]

    @functools.cached_property
    def _integrals(self) -> NDArray[np.float64]:
        return nodes.integrals(self._points, self.length)

    def mean(self, t: ArrayLike) -> Float[np.ndarray, "*T"]:
        fractions = np.asarray(t, dtype=np.float64)
        return (self._basis(fractions.reshape(-1)) @ self.samples.mean(0)).reshape(fractions.shape)

    def linear(
        self, t: ArrayLike, weights: ArrayLike, *, integral: float = 0.0, law: str = "", unit: str = "nats"
    ) -> Estimate:
        combined = np.asarray(weights, dtype=np.float64) @ self._basis(np.asarray(t, dtype=np.float64))
        coefficients = integral * self._integrals + combined
        residual, spread, freedom, left = self._regressed(coefficients, [integral, float(combined[-1])])
        value = float(residual.mean())
        rounding = ROUNDING * float(np.abs(self.samples).max(0) @ np.abs(coefficients))
        half = float(stats.t.ppf(0.5 + CONFIDENCE / 2, freedom)) * spread + self._interpolation_error(left) + rounding
        few = len(self.samples) < FEWEST_FOR_CONTROLS
        down, up = unseen_shifts(residual) if self.skewed or few else (0.0, 0.0)
        return Estimate(value, value - half - down, value + half + up, "monte-carlo", law, unit)

    def _basis(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        for one in t[:1] if len(t) == 1 else (t.min(initial=0.0), t.max(initial=0.0)):
            check_fraction("t", float(one))
        return nodes.basis(self._points, nodes.inverse(t, self.length))

    def _regressed(
        self, coefficients: NDArray[np.float64], plain: list[float]
    ) -> tuple[NDArray[np.float64], float, int, NDArray[np.float64]]:
        """The functional of each row less control variates, standard error of its mean, degrees of freedom, its nodes.

        The last are the coefficients of the nodes less those of the controls: only they suffer from interpolation.
        """
        rows, values = len(self.samples), self.samples @ coefficients
        controls = self._controls(coefficients, plain)
        if not controls:
            return values, float(values.std(ddof=1)) / math.sqrt(rows), rows - 1, coefficients
        table = np.stack([control.column for control in controls], axis=1)
        noise = np.array([control.variance for control in controls])
        if rows < FEWEST_FOR_CONTROLS:
            slopes, freedom = np.array([control.plain for control in controls]), rows - 1
        else:
            slopes, freedom = _slopes(values, table, noise), rows - 1 - len(controls)
        residual = values - table @ slopes
        variance = float(((residual - residual.mean()) ** 2).sum()) / freedom / rows + float(noise @ slopes**2)
        left = coefficients - sum(slope * control.coefficients for slope, control in zip(slopes, controls, strict=True))
        return residual, math.sqrt(variance), freedom, left

    def _controls(self, coefficients: NDArray[np.float64], plain: list[float]) -> list[_Control]:
        """What has mean zero and moves with the functional; `plain` are its weights of the integral and of the end."""
        controls, end = [], np.zeros(len(coefficients))
        end[-1] = 1.0
        if self.surplus is not None:
            slope = np.gradient(self.samples.mean(0), self.nodes)
            controls.append(_Control(self.surplus @ (coefficients * slope) / self.length, 0.0, 0 * end, 0.0))
        for known, functional, weight in (
            (self.known_integral, self._integrals, plain[0]),
            (self.known_end, end, plain[1]),
        ):
            if known is not None:
                column = self.samples @ functional - known.value
                controls.append(_Control(column, _variance(known), functional, weight))
        return controls

    def _interpolation_error(self, coefficients: NDArray[np.float64]) -> float:
        fine, coarse = self._misfits
        if not fine.any():
            return 0.0
        fall = fine.max() / coarse.max() if coarse.any() else 1.0
        return float(min(MOST, SAFETY * fall) * (fine @ np.abs(coefficients[1::2])))

    @functools.cached_property
    def _misfits(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Visible differences at every second node from the interpolation of the others, on all nodes and on half."""
        result = []
        for x, samples in ((self._points, self.samples), (self._points[::2], self.samples[:, ::2])):
            apart = samples[:, 1::2] - samples[:, ::2] @ nodes.basis(x[::2], x[1::2]).T
            noise = apart.std(0, ddof=1) / math.sqrt(len(apart))
            floor = ROUNDING * np.abs(samples).max()
            result.append(np.maximum(0.0, np.abs(apart.mean(0)) - VISIBLE * noise - floor))
        return result[0], result[1]


@dataclasses.dataclass(frozen=True)
class _Control:
    """A column of mean zero, one number a row.

    With it the variance of what makes it so, the nodes' coefficients in it, and its slope where rows are few.
    """

    column: NDArray[np.float64]
    variance: float
    coefficients: NDArray[np.float64]
    plain: float


def _variance(known: Estimate) -> float:
    """Squared standard error behind a 95 % interval; zero for an exact number."""
    return ((known.high - known.low) / 2 / stats.norm.ppf(0.5 + CONFIDENCE / 2)) ** 2


def _slopes(values: NDArray[np.float64], table: NDArray[np.float64], noise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Coefficients of the controls, columns of a table, that leave the mean of the values the least variance."""
    rows = len(values)
    centred = table - table.mean(0)
    # Columns on one scale, so that the least squares below tells rounding from variation.
    scale = np.sqrt((centred**2).mean(0))
    scale[scale <= 1e-12 * np.abs(values).max(initial=1e-300)] = np.inf
    centred = centred / scale
    spread = centred.T @ centred / (rows - 1) / rows + np.diag(noise / scale**2)
    target = centred.T @ (values - values.mean()) / (rows - 1) / rows
    return np.linalg.lstsq(spread, target, rcond=1e-10)[0] / scale
