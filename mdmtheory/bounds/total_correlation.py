"""Fixed-size schedules: exact path KL, schedules from total correlation, and the bound by the largest step.

Chen, Cong, Li 2511.04647 (COLT 2026) for the first three, Li and Cai for the last. All are about schedules that reveal
exactly s_k positions; Bernoulli reveals can violate them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count, check_fraction
from languages.information import InformationCurve, information_curve
from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.sides import SMALL_CHAIN, SMALL_HMM, affordable, curve_of, describe, enumerated_path_kl
from mdmtheory.denoisers import Denoiser, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.exact.optimal import fixed_size_path_kl
from mdmtheory.samplers.schemes import FixedSizes


class CclExact(Entry):
    """The path KL of a fixed-size schedule is what a staircase below the information curve leaves out."""

    id = "ccl-exact"
    statement = "fixed sizes: path KL = sum_k sum_{j<=s_k} (Z_{N_{k-1}+j} - Z_{N_{k-1}+1})"
    citation = "Chen, Cong, Li 2511.04647"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate; sizes that sum to L"

    def check(self, language: Language, length: int, sizes: Sequence[int]) -> Verdict:
        """Enumeration of all reveal orders against the information curve.

        Args:
            language: Any language.
            length: L.
            sizes: Positions revealed at each step.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        scheme = FixedSizes(sizes)
        left = enumerated_path_kl(language, length, scheme)
        value = fixed_size_path_kl(information_curve(language, length).z.cpu().numpy(), scheme.sizes)
        part = Comparison("path KL", left, "==", Estimate.exact(value, law="path", unit="nats"))
        return self.verdict(describe(language, length, scheme), part)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        yield {"language": language_from(SMALL_CHAIN), "length": 5, "sizes": [2, 0, 3]}
        yield {"language": language_from(SMALL_HMM), "length": 5, "sizes": [1, 1, 3]}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "sizes": [2, 2]}
        yield {"language": language_from("mds:field=3,length=4,dimension=2"), "length": 4, "sizes": [1, 3]}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield from _sizes(language, length)


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
        # All information comes with one token: the worst case.
        for field, size, dimension, share in ((11, 12, 1, 2.0), (11, 12, 11, 2.0), (5, 6, 4, 1.0)):
            code = language_from(f"mds:field={field},length={size},dimension={dimension}")
            yield {"language": code, "length": size, "epsilon": self.known(curve_of(code, size)) / share}

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

    @staticmethod
    def known(curve: InformationCurve) -> float:
        return curve.total_correlation

    @staticmethod
    def sizes(upper: float, epsilon: float, length: int) -> list[int]:
        return total_correlation_sizes(upper, epsilon, length)


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


def total_correlation_sizes(total_correlation: float, epsilon: float, length: int) -> list[int]:
    """Sizes with path KL ≤ ε for every law with at most this total correlation (Chen, Cong, Li 2511.04647).

    With ζ = 1 + ⌈TC/ε⌉ each of the first ⌊ln(L−ζ+1)/ln(1/(1−1/ζ))⌋ + 2 steps reveals ⌊(what is left)/ζ⌋ positions;
    then one at a time. Empty steps are dropped.

    Args:
        total_correlation: Upper bound on TC, nats.
        epsilon: ε > 0, nats.
        length: L ≥ 1.
    """
    length = check_count("length", length)
    check_fraction("total_correlation", total_correlation, high=math.inf)
    if not epsilon > 0:
        raise ValueError(f"epsilon must be positive, got {epsilon!r}")
    share = total_correlation / epsilon
    if share > length:
        return [1] * length
    zeta = 1 + math.ceil(share)
    if zeta == 1:
        return [length]
    if zeta > length:
        return [1] * length
    sizes, left = [], length
    while left >= zeta:  # for less the shares are empty; the published number of steps never ends before
        sizes.append(left // zeta)
        left -= sizes[-1]
    return sizes + [1] * left


def dual_total_correlation_sizes(dual_total_correlation: float, epsilon: float, length: int) -> list[int]:
    """Sizes with path KL ≤ ε for every law with at most this dual total correlation: the mirror image of the TC ones.

    Args:
        dual_total_correlation: Upper bound on DTC, nats.
        epsilon: ε > 0, nats.
        length: L ≥ 1.
    """
    check_fraction("dual_total_correlation", dual_total_correlation, high=math.inf)
    return total_correlation_sizes(dual_total_correlation, epsilon, length)[::-1]


class LiCai(Entry):
    """The largest step decides."""

    id = "li-cai"
    statement = "fixed sizes: path KL <= (2^ceil(log2 s_max) - 1)/L sum_i I(X_i; X_-i) + eps_train; (s_max - 1) Z_L too"
    citation = "Li and Cai; the sharper form with (s_max - 1) Z_L derived here"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "sizes that sum to L; with a learned denoiser, V^L small enough to enumerate"

    def check(
        self, language: Language, length: int, sizes: Sequence[int], *, denoiser: Denoiser | None = None
    ) -> Verdict:
        """Path KL against the largest step, learned error included.

        Args:
            language: A language whose information curve is exact.
            length: L.
            sizes: Positions revealed at each step.
            denoiser: A learned denoiser; None for the exact one.
        """
        scheme = FixedSizes(sizes)
        scheme.num_rounds(check_count("length", length))
        z: NDArray[np.float64] = information_curve(language, length).z.cpu().numpy()
        small = affordable(language, length)
        self.require(small or denoiser is None, f"V={language.vocab_size}, L={length} is too large to enumerate")
        if small:
            left = enumerated_path_kl(language, length, scheme, denoiser)
        else:
            left = Estimate.exact(fixed_size_path_kl(z, scheme.sizes), law="path", unit="nats")
        training = 0.0
        if denoiser is not None:
            training = enumeration.learning_error(denoiser, language, length, scheme).path_kl.value
        largest, top = max(scheme.sizes), float(z[-1])
        published = (2 ** math.ceil(math.log2(largest)) - 1) * top + training
        sharper = (largest - 1) * top + training
        parts = [
            Comparison(f"path KL, {form}", left, "<=", claimed(bound, unit="nats", law="path"))
            for form, bound in (("published", published), ("sharper", sharper))
        ]
        return self.verdict(describe(language, length, scheme, denoiser), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from(SMALL_CHAIN)
        yield {"language": chain, "length": 6, "sizes": [3, 1, 2]}
        for kind in ("leak", "tilt"):
            wrong = PerturbedOracle(chain, 0.02, kind=kind)
            yield {"language": chain, "length": 6, "sizes": [3, 1, 2], "denoiser": wrong}
        yield {"language": language_from("2-gram"), "length": 256, "sizes": [8] * 32}
        yield {"language": language_from("mds:field=3,length=4,dimension=2"), "length": 4, "sizes": [2, 2]}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield from _sizes(language, length)


def _sizes(language: Language, length: int) -> Iterator[Mapping[str, Any]]:
    """Two steps, and steps of two positions."""
    for size in (-(-length // 2), 2):
        sizes = [min(size, length - done) for done in range(0, length, size)]
        yield {"language": language, "length": length, "sizes": sizes}
