"""Long sequences and many steps: the conflict rate of a chain, and "steps must grow linearly" as a number.

Legend: π the stationary law and P the transition of an irreducible aperiodic first-order chain, N steps, λ_N the factor
by which the chance of a correct sequence falls with each further token, 1 − SER ≈ C·λ_N^L.

Two tokens revealed together contradict each other only inside one gap between revealed tokens. With s_D the expected
contradictions in a gap between two revealed tokens at distance D, the conflict curve of a long sequence is

    g(t)/L → Σ_{D≥3} t²(1−t)^{D−3} s_D,    and    −ln λ_N = κ/N + O(1/N²),    κ = ∫ g(t)/L dt = Σ_D 2 s_D/(D(D−1)(D−2)),

for uniform steps; with step density φ κ = ∫ (g/L)/φ. Far ends are forgotten geometrically fast, so s_D becomes linear
in D, and the sums end in closed forms. All [D] (docs/theory.md §3, error exponent).
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import NDArray
from scipy import integrate

from languages import Language
from languages.checks import check_count, check_fraction
from languages.information import ConflictCurve, is_first_order
from languages.information.gap_conflicts import gap_conflicts
from languages.reveals import reveal_probabilities
from mdmtheory.exact.optimal import Curve

_WIDTHS = (48, 96, 192, 384)
"""Widest gaps that are followed, one after the other until s_D is linear."""
_LINEAR = 1e-11
"""How far s_D may bend at the widest gap, relative to its slope."""


@dataclasses.dataclass(frozen=True, eq=False)
class ConflictRate:
    """Conflicts of a long first-order chain for each token.

    Attributes:
        gaps: (D − 2,) s_3 … s_D; linear from there on.
    """

    gaps: Float[np.ndarray, " D-2"]

    @property
    def widest(self) -> int:
        """D, the widest gap followed."""
        return len(self.gaps) + 2

    @property
    def _line(self) -> tuple[float, float]:
        """(slope, intercept) of s_D beyond the widest gap."""
        slope = float(self.gaps[-1] - self.gaps[-2])
        return slope, float(self.gaps[-1]) - slope * self.widest

    def __call__(self, t: NDArray[np.float64]) -> NDArray[np.float64]:
        """g(t)/L at revealed fractions t, in the limit of long sequences."""
        t = np.asarray(t, dtype=np.float64)
        slope, intercept = self._line
        widths = np.arange(3, self.widest + 1)
        near = (t**2)[..., None] * (1 - t)[..., None] ** (widths - 3) @ self.gaps
        beyond = t * (slope * (self.widest + 1) + intercept) + slope * (1 - t)
        return near + (1 - t) ** (self.widest - 2) * beyond

    def kappa(self, density: Curve | None = None) -> float:
        """κ of −ln λ_N = κ/N + O(1/N²).

        Args:
            density: Step density φ on the revealed fraction, up to a factor; None for uniform steps. The least κ is
                that of φ ∝ √g (ledger `conflict-law`).

        Raises:
            ValueError: A density that is negative or zero everywhere.
        """
        if density is None:
            slope, intercept = self._line
            d, last = np.arange(3, self.widest + 1), self.widest
            near = float(np.sum(2 * self.gaps / (d * (d - 1) * (d - 2))))
            return near + 2 * slope / (last - 1) + intercept / (last * (last - 1))
        points, weights = np.polynomial.legendre.leggauss(256)
        t, weights = (points + 1) / 2, weights / 2
        phi = np.asarray(density(t), dtype=np.float64)
        if (phi < 0).any() or not phi.any():
            raise ValueError("density must be non-negative and positive somewhere")
        rate = self(t)
        terms = np.divide(rate, phi, out=np.where(rate > 0, np.inf, 0.0), where=phi > 0)
        return float(weights @ terms) * float(weights @ phi)

    @property
    def sqrt_integral(self) -> float:
        """∫√(g/L): its square is the least κ over all step densities."""
        return float(integrate.quad(lambda t: math.sqrt(self(np.array(t))), 0.0, 1.0, limit=200)[0])

    def __repr__(self) -> str:
        return f"ConflictRate(kappa={self.kappa():.6g}, gaps up to {self.widest})"


def conflict_rate(language: Language) -> ConflictRate:
    """The conflict rate of an irreducible aperiodic first-order chain, whatever its start.

    Args:
        language: An n-gram of order 1 or 2.

    Raises:
        ValueError: Another kind of language, a chain that is reducible or periodic, or one that mixes too slowly.
    """
    if not is_first_order(language):
        raise ValueError(f"a first-order chain is needed (an n-gram of order 1 or 2), got {language!r}")
    chain = language.chain()
    if not chain.is_primitive:
        why = "periodic" if chain.is_irreducible else "reducible"
        raise ValueError(f"an irreducible aperiodic chain is needed; {language.name} is {why}")
    start, transition = (table.cpu().numpy() for table in language.first_order())
    stationary = start
    if language.order == 2:
        stationary = np.zeros_like(start)
        stationary[chain.states[:, 0]] = chain.stationary_laws()[0]
    for widest in _WIDTHS:
        # Places where a gap of width D fits among so many positions: length − D.
        length = widest + 1
        sums = gap_conflicts(stationary, transition, length)[0][3 : widest + 1]
        gaps = sums / (length - np.arange(3, widest + 1))
        if np.abs(np.diff(gaps, 2)[-3:]).max() <= _LINEAR * max(1.0, float(gaps[-1])):
            return ConflictRate(gaps)
    raise ValueError(
        f"{language.name} mixes too slowly: conflicts in gaps of {_WIDTHS[-1]} tokens still feel both ends"
    )


def kappa(language: Language, density: Curve | None = None) -> float:
    """κ of an irreducible aperiodic first-order chain; see `ConflictRate.kappa`."""
    return conflict_rate(language).kappa(density)


def linear_steps(language: Language, length: int, ser: float) -> float:
    """N ≈ κL/(−ln(1 − SER)): how many uniform steps a long sequence needs, to first order.

    Args:
        language: An irreducible aperiodic first-order chain.
        length: L ≥ 1.
        ser: Target sequence error rate in (0, 1).

    Raises:
        ValueError: A target outside (0, 1), or a chain without a κ.
    """
    if not 0 < check_fraction("ser", ser) < 1:
        raise ValueError(f"ser must lie strictly between 0 and 1, got {ser!r}")
    return kappa(language) * check_count("length", length) / -math.log1p(-ser)


def first_order_sequence_error_rate(curve: ConflictCurve, reveal: object) -> float:
    """SER to first order for any language, 1 − exp(−Σ_k w_k² g(t_k − w_k/2)); the error is O(1/N²).

    Args:
        curve: The conflict curve of the language at its length (`languages.information.conflict_curve`).
        reveal: (N,) reveal probabilities w_k.
    """
    weights = reveal_probabilities(reveal)  # type: ignore[arg-type]
    middles = (weights.cumsum(0) - weights / 2).clamp(0.0, 1.0)
    expected = weights**2 @ curve.g(torch.as_tensor(middles, device=curve.gamma.device)).cpu()
    return -math.expm1(-float(expected))
