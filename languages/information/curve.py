"""The information curve: what parallel sampling in random order pays for.

Z_j = E I(X_i; X_S) over uniform sets S of j − 1 positions and i outside (Chen, Cong, Li 2511.04647), and by revealed
fraction t, with S holding every other position with probability t (Wainwright 2608.13520),

    h(t) = Σ_i E I(X_i; X_S) = L Σ_j Binomial(L − 1, t)(j) Z_{j+1}.

For a first-order chain the nearest revealed neighbours carry all information. With J_d the pair information at distance
d (languages.information.pairs) and p_d the probability that the nearest revealed position on one side is at distance d,

    L·Z = Σ_d (J_d − J_{d+1}) (p_1 + … + p_d + d·p_d),

from I(X_i; X_l, X_r) = I(X_i; X_l) + I(X_i; X_r) − I(X_l; X_r) and summation by parts: every term is non-negative.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count
from languages.estimate import Estimate
from languages.information.bernstein import CHUNK_ENTRIES, MOST_TERMS, binomial_mean, check_fractions
from languages.information.enumeration import enumerated_information
from languages.information.pairs import is_first_order, pair_information
from languages.information.protocol import InformationLaw
from languages.language import Language


@dataclasses.dataclass(frozen=True, eq=False)
class InformationCurve(InformationLaw):
    """What a position tells about a random set of others, at every size of the set.

    Attributes:
        z: (L,) Z_1 = 0 ≤ Z_2 ≤ … ≤ Z_L, nats.
    """

    z: Float[Tensor, " L"]

    @property
    def length(self) -> int:
        """L."""
        return len(self.z)

    def h(self, t: object) -> Float[Tensor, "*T"]:
        """Information Σ_i E I(X_i; X_S) at revealed fractions t ∈ [0, 1], nats; non-decreasing in t."""
        fractions = check_fractions("t", t, self.z)
        return self.length * binomial_mean(self.z, fractions.reshape(-1)).view(fractions.shape)

    def h_prime(self, t: object) -> Float[Tensor, "*T"]:
        """Its slope h'(t) = Σ_{i≠j} E I(X_i; X_j | X_A), A ~ Bernoulli(t) without i and j; nats."""
        fractions = check_fractions("t", t, self.z)
        if self.length == 1:
            return torch.zeros_like(fractions)
        factor = self.length * (self.length - 1)
        return factor * binomial_mean(self.z.diff(), fractions.reshape(-1)).view(fractions.shape)

    def linear(
        self, t: ArrayLike, weights: ArrayLike, *, integral: float = 0.0, law: str = "", unit: str = "nats"
    ) -> Estimate:
        share = torch.as_tensor(np.asarray(weights, dtype=np.float64), device=self.z.device)
        value = integral * self.total_correlation + float(share @ self.h(np.asarray(t, dtype=np.float64)))
        return Estimate.exact(value, law=law, unit=unit)

    def mean(self, t: ArrayLike) -> Float[np.ndarray, "*T"]:
        return self.h(np.asarray(t, dtype=np.float64)).cpu().numpy()

    @property
    def total_correlation(self) -> float:
        """TC = Σ_i H(X_i) − H(X) = Σ_j Z_j = ∫h, nats."""
        return float(self.z.sum())

    @property
    def dual_total_correlation(self) -> float:
        """DTC = H(X) − Σ_i H(X_i | X_{−i}) = L·Z_L − TC = ∫ t h'(t) dt, nats."""
        return float((self.z[-1] - self.z).sum())

    def __repr__(self) -> str:
        return (
            f"InformationCurve(length={self.length}, total_correlation={self.total_correlation:.6g} nats, "
            f"dual_total_correlation={self.dual_total_correlation:.6g} nats)"
        )


def information_curve(language: Language, length: int) -> InformationCurve:
    """Exact information curve: of first-order chains at any length, of any language by enumeration where it is small.

    Cost for a chain: O(L·V³ + L²), any start and hard zeros included.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2), or any language with few sequences.
        length: L ≥ 1.

    Raises:
        ValueError: Neither; `estimate_information_curve` gives one with intervals.
    """
    length = check_count("length", length)
    if is_first_order(language):
        check_budget(
            f"the information curve of {language.name} at length={length}",
            f"take length up to {math.isqrt(int(MOST_TERMS))}, or estimate_information_curve, which samples it",
            operations=length**2,
            most=MOST_TERMS,
        )
        return InformationCurve(_first_order_curve(pair_information(language, length)))
    return InformationCurve(torch.as_tensor(enumerated_information(language, length), device=language.device))


def _first_order_curve(pairs: Float[Tensor, " L"]) -> Float[Tensor, " L"]:
    """(L,) Z_1 … Z_L from J_0, J_1, …, J_{L−1}; J_0 is not used."""
    length = len(pairs)
    # Data processing: J_1 ≥ J_2 ≥ …; differences below rounding are none.
    falls = (pairs[1:] - torch.cat([pairs[2:], pairs.new_zeros(1)])).clamp(min=0.0)[:, None]
    distance = torch.arange(1, length, dtype=torch.float64, device=pairs.device)[:, None]
    pieces = []
    for size in torch.arange(length, dtype=torch.float64, device=pairs.device).split(max(1, CHUNK_ENTRIES // length)):
        # p_d = C(L−1−d, s−1) / C(L−1, s): each next one by the ratio of the two.
        steps = ((length - distance[:-1] - size) / (length - 1 - distance[:-1])).clamp(min=0.0)
        nearest = torch.cat([(size / max(1, length - 1))[None], steps])[: length - 1].cumprod(0)
        pieces.append((falls * (nearest.cumsum(0) + distance * nearest)).sum(0) / length)
    # Rounding may leave a decrease of 1e-16 where the curve is flat.
    return torch.cat(pieces).cummax(0).values
