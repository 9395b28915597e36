"""The conflict curve: how often two tokens revealed together contradict each other.

With γ_s = Σ_{i<j} E_{|S|=s, x_S} [Σ_{c,c': q(c,c'|x_S)=0} q(c|x_S) q(c'|x_S)], S uniform among the other positions, and
by revealed fraction t

    g(t) = Σ_s Binomial(L − 2, t)(s) γ_s,

the sequence error rate of a sampler with Bernoulli reveals w is Σ_k w_k² g(t_{k−1}) + O(1/N²), and g ≤ h'/2 with h the
information curve. So g, and not h, rules a sampler's real error; the SER-optimal density of steps is ∝ √g, with
N·SER → (∫√g)².

Zeros are decided by the pattern of what is possible, never by underflow.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from jaxtyping import Float
from numpy.typing import ArrayLike
from torch import Tensor

from languages.budget import check_budget
from languages.checks import check_count
from languages.estimate import Estimate
from languages.information.bernstein import CHUNK_ENTRIES, binomial_mean, check_fractions
from languages.information.enumeration import enumerated_conflicts
from languages.information.gap_conflicts import gap_conflicts
from languages.information.nodes import transformed
from languages.information.pairs import is_first_order
from languages.information.protocol import Curve
from languages.language import Language

QUADRATURE_TOLERANCE = 1e-10


@dataclasses.dataclass(frozen=True, eq=False)
class ConflictCurve(Curve):
    """Expected conflicts between two hidden positions, at every number of revealed ones.

    Attributes:
        gamma: (L − 1,) γ_0 … γ_{L−2} ≥ 0: the expected number of pairs, each pair of positions by the chance that two
            independent draws from its conditionals contradict each other, with s of the others revealed.
    """

    gamma: Float[Tensor, " L-1"]

    @property
    def length(self) -> int:
        """L."""
        return len(self.gamma) + 1

    def g(self, t: object) -> Float[Tensor, "*T"]:
        """The curve at revealed fractions t ∈ [0, 1]."""
        fractions = check_fractions("t", t, self.gamma)
        if self.length == 1:
            return torch.zeros_like(fractions)
        return binomial_mean(self.gamma, fractions.reshape(-1)).view(fractions.shape)

    def linear(
        self, t: ArrayLike, weights: ArrayLike, *, integral: float = 0.0, law: str = "", unit: str = ""
    ) -> Estimate:
        share = torch.as_tensor(np.asarray(weights, dtype=np.float64), device=self.gamma.device)
        value = integral * self.integral + float(share @ self.g(np.asarray(t, dtype=np.float64)))
        return Estimate.exact(value, law=law, unit=unit)

    def mean(self, t: ArrayLike) -> Float[np.ndarray, "*T"]:
        return self.g(np.asarray(t, dtype=np.float64)).cpu().numpy()

    @property
    def integral(self) -> float:
        """∫g: N·SER → ∫g with uniform steps."""
        return float(self.gamma.mean()) if self.length > 1 else 0.0

    @property
    def sqrt_integral(self) -> float:
        """∫√g, by quadrature to a relative 1e−10: N·SER → (∫√g)² with the best steps."""
        if not bool((self.gamma > 0).any()):
            return 0.0
        before, order = -1.0, 64
        while order <= 1 << 14:
            points, weights = np.polynomial.legendre.leggauss(order)
            t, slope = transformed(points, self.length)
            values = self.g(torch.as_tensor(t, device=self.gamma.device)).sqrt().cpu().numpy()
            value = float(weights @ (slope * values))
            if abs(value - before) <= QUADRATURE_TOLERANCE * value:
                break
            before, order = value, 2 * order
        return value

    def __repr__(self) -> str:
        return f"ConflictCurve(length={self.length}, integral={self.integral:.6g})"


def conflict_curve(language: Language, length: int) -> ConflictCurve:
    """Exact conflict curve: of first-order chains at any length, of any language by enumeration where it is small.

    Cost for a chain: O(L² V² (V + z)), z the number of zeros of the different patterns of its powers; any start, hard
    zeros, periodic and reducible chains included.

    Args:
        language: A first-order chain (an n-gram of order 1 or 2), or any language with few sequences.
        length: L ≥ 1.

    Raises:
        ValueError: Neither; `estimate_conflict_curve` gives one with intervals.
    """
    length = check_count("length", length)
    if not is_first_order(language):
        return ConflictCurve(torch.as_tensor(enumerated_conflicts(language, length), device=language.device))
    if length == 1 or language.order == 1:
        return ConflictCurve(torch.zeros(length - 1, dtype=torch.float64, device=language.device))
    vocab_size = language.vocab_size
    check_budget(
        f"the conflict curve of {language.name} at length={length}",
        "estimate_conflict_curve samples it",
        operations=length**2 * vocab_size**3,
        memory=8 * 4 * length * vocab_size**2,
    )
    start, transition = language.first_order()
    two_sided, one_sided, free = gap_conflicts(start.cpu().numpy(), transition.cpu().numpy(), length)
    gamma = _by_count(torch.as_tensor(two_sided), torch.as_tensor(one_sided))
    gamma[0] += free
    return ConflictCurve(gamma.to(language.device))


def _by_count(two_sided: Float[Tensor, " L+2"], one_sided: Float[Tensor, " L+2"]) -> Float[Tensor, " L-1"]:
    """γ from the conflicts in gaps of each width D: both ends revealed, or one end of the sequence and one revealed.

    With s of the L − 2 other positions revealed, D − 3 given ones are hidden and k given ones revealed with probability
    C(L+1−D−k, s−k) / C(L−2, s).
    """
    length = len(two_sided) - 2
    width = torch.arange(3, length + 1, dtype=torch.float64)[:, None]
    pieces = []
    for size in torch.arange(length - 1, dtype=torch.float64).split(max(1, CHUNK_ENTRIES // length)):
        total = torch.zeros_like(size)
        for ends, conflicts in ((1, one_sided), (2, two_sided)):
            # Each width's probability from the one before by the ratio of the two.
            gaps = width[: length - 1 - ends]
            if not len(gaps):
                continue
            first = size / (length - 2) if ends == 1 else size * (size - 1) / ((length - 2) * max(1, length - 3))
            ratio = ((length + 1 - gaps[:-1] - size) / (length + 1 - ends - gaps[:-1])).clamp(min=0.0)
            chance = torch.cat([first[None], ratio]).cumprod(0)
            total += conflicts[3 : 3 + len(gaps)] @ chance
        pieces.append(total)
    return torch.cat(pieces)
