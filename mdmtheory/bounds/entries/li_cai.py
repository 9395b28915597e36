"""Li and Cai: fixed sizes, bounded by the largest step. Bernoulli reveals can violate it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from languages import Estimate, Language, language_from
from languages.checks import check_count
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import (
    SMALL_CHAIN,
    affordable,
    describe,
    enumerated_path_kl,
    fixed_size_instances,
)
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.exact.optimal import fixed_size_path_kl
from mdmtheory.samplers.schemes import FixedSizes


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
        yield from fixed_size_instances(language, length)
