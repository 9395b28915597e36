"""One position at a time, at the times of the continuous process."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, Language, language_from
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, SMALL_HMM, affordable, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle, traits_of
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli, RandomOrder


class Fhs(Entry):
    """Discretisation error can be had for nothing at L evaluations."""

    id = "fhs"
    statement = "first-hitting sampler: L evaluations give the continuous-time law exactly, with an exact denoiser q"
    citation = "2409.02908; the distance to a grid of N steps derived here"
    trust = ("P", "D")
    kind = "identity"
    assumptions = "V^L small enough to enumerate; a denoiser that ignores the time"

    caveats = (
        "that the sampler hits one position at a time is how its law is enumerated, not a finding",
        "the distance to a grid is 0.07 of its bound at most: that constant is untested",
    )

    def check(self, language: Language, length: int, *, denoiser: Denoiser | None = None, steps: int = 32) -> Verdict:
        """The law of one position at a time against q, and against the limit of many uniform steps.

        N uniform steps reveal all positions in rounds of their own with probability Π_j (1 − j/N), and then they are
        this sampler: TV(N steps, first hitting) is at most the rest.

        Args:
            language: Any language.
            length: L.
            denoiser: A denoiser that ignores the time, here the oracle (None) or a perturbed one.
            steps: N of the comparison with a grid.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        self.require(denoiser is None or not traits_of(denoiser).reads_time, f"{denoiser!r} may look at the time")
        used = denoiser or Oracle(language)
        scheme = RandomOrder()
        law = enumeration.law(used, length, scheme)
        parts = [
            Comparison(
                "evaluations",
                Estimate.exact(scheme.num_rounds(length), unit="calls"),
                "==",
                Estimate.exact(length, unit="calls"),
            )
        ]
        if denoiser is None:
            nothing = Estimate.exact(0.0, law="marginal", unit="nats")
            parts.insert(0, Comparison("KL(q||p)", law.kl(language), "==", nothing))
        grid = enumeration.law(used, length, Bernoulli.uniform(steps)).probs
        apart = Estimate.exact(float((grid - law.probs).abs().sum() / 2), law="marginal", unit="probability")
        together = -math.expm1(sum(math.log1p(-j / steps) for j in range(length))) if steps >= length else 1.0
        parts.append(
            Comparison(
                f"TV to {steps} uniform steps", apart, "<=", claimed(together, law="marginal", unit="probability")
            )
        )
        return self.verdict(describe(language, length, denoiser), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain, hidden = language_from(SMALL_CHAIN), language_from(SMALL_HMM)
        yield {"language": chain, "length": 5}
        yield {"language": hidden, "length": 4}
        yield {"language": chain, "length": 4, "denoiser": PerturbedOracle(chain, 0.05)}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        yield {"language": language, "length": length}
