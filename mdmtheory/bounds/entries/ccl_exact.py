"""Chen, Cong, Li 2511.04647: the exact path KL of fixed sizes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from languages import Estimate, Language, language_from
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import (
    SMALL_CHAIN,
    SMALL_HMM,
    affordable,
    describe,
    enumerated_path_kl,
    fixed_size_instances,
)
from mdmtheory.bounds.verdict import Verdict
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
        yield from fixed_size_instances(language, length)
