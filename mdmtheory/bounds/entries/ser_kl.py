"""Errors of sequences against divergence."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, Language, language_from
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import SMALL_CHAIN, SMALL_HMM, affordable, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.policies import Confidence, Policy
from mdmtheory.samplers.schemes import Bernoulli, FixedSizes, Scheme


class SerKl(Entry):
    """An error of sequences costs divergence: whoever is wrong half of the time pays a bit."""

    id = "ser-kl"
    statement = "SER <= 1 - exp(-KL(q||p)); KL = -ln(1 - SER) + KL(q || p(.|support))"
    citation = "standard, by data processing; the equality derived here"
    trust = ("P", "D")
    kind = "bound"
    assumptions = "V^L small enough to enumerate"

    caveats = ("both sides come from one enumerated law: what is tested is that law, not the inequality",)

    def check(
        self, language: Language, length: int, sampler: Scheme | Policy, *, denoiser: Denoiser | None = None
    ) -> Verdict:
        """Exact SER against exact KL of the marginal law.

        Args:
            language: Any language.
            length: L.
            sampler: Any scheme or policy.
            denoiser: Any denoiser; None for the exact one.
        """
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        law = enumeration.law(denoiser or Oracle(language), length, sampler)
        ser, kl = law.sequence_error_rate(language), law.kl(language)
        bound = claimed(-math.expm1(-kl.value), unit="probability", law="marginal")
        parts = [Comparison("SER", ser, "<=", bound)]
        if ser.value < 1 and math.isfinite(kl.value):
            truth = language.log_prob(enumeration.sequences(language.vocab_size, length)).exp().cpu()
            inside = truth > 0
            given = law.probs[inside] / law.probs[inside].sum()
            rest = float((truth[inside] * (truth[inside] / given).log()).sum())
            whole = Estimate.exact(-math.log1p(-ser.value) + rest, unit="nats", law="marginal")
            parts.append(Comparison("KL, split", kl, "==", whole))
        return self.verdict(describe(language, length, sampler, denoiser), *parts)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from(SMALL_CHAIN)
        yield {"language": chain, "length": 5, "sampler": Bernoulli.uniform(3)}
        yield {"language": chain, "length": 4, "sampler": Confidence(2), "denoiser": PerturbedOracle(chain, 0.05)}
        yield {"language": language_from(SMALL_HMM), "length": 4, "sampler": FixedSizes([2, 2])}
        yield {"language": language_from("copy-pairs:symbols=3"), "length": 4, "sampler": Bernoulli([0.5, 0.5])}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for sampler in (Bernoulli.uniform(4), Confidence(2)):
            yield {"language": language, "length": length, "sampler": sampler}
