"""What revealing the surest tokens together costs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from languages import Language, language_from
from languages.checks import check_count
from mdmtheory.bounds.comparison import Comparison
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_HMM, affordable, describe, enumerated_path_kl
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.samplers.policies import Confidence
from mdmtheory.samplers.schemes import FixedSizes


class ConfidenceCost(Entry):
    """Revealing the surest tokens together often costs more than revealing random ones."""

    id = "confidence-cost"
    statement = "confidence top-k pays more total correlation than random order at equal rounds (reported 3-11x)"
    citation = "2608.25505; 0.17-5x measured here, on languages small enough to enumerate"
    trust = ("P", "D")
    kind = "observation"
    assumptions = "V^L small enough to enumerate"

    def check(self, language: Language, length: int, size: int) -> Verdict:
        """Path KL of confidence beside that of uniformly random positions, `size` a round for both.

        Args:
            language: Any language.
            length: L.
            size: Positions a round.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        size = min(check_count("size", size), check_count("length", length))
        sizes = [min(size, length - done) for done in range(0, length, size)]
        sure = enumerated_path_kl(language, length, Confidence(size))
        random = enumerated_path_kl(language, length, FixedSizes(sizes))
        part = Comparison("path KL of confidence beside random order", sure, "beside", random)
        note = f"{part.ratio:.3g} times as much" if random.value > 1e-12 else "neither pays anything"
        return self.verdict(describe(language, length, f"{size} a round"), part, notes=[note])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for seed in range(3):
            yield {"language": language_from(f"2-gram:vocab=3,seed={seed},prune=0.2"), "length": 6, "size": 2}
        yield {"language": language_from(SMALL_HMM), "length": 6, "size": 2}
        yield {"language": language_from("walk:values=5,start=0"), "length": 4, "size": 2}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for size in (2, 4):
            yield {"language": language, "length": length, "size": size}
