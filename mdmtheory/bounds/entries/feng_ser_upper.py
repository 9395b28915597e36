"""Feng et al. 2502.09622: enough steps give correct sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from languages import HMMLanguage, Language, NGramLanguage, language_from
from languages.checks import check_fraction
from languages.information import information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import MOST_STEPS, SMALL_HMM, affordable, describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli


class FengSerUpper(Entry):
    """Any sequence error rate can be reached with enough steps and a good enough denoiser."""

    id = "feng-ser-upper"
    statement = "eps_learning < O(delta/L) and N large: SER <= delta"
    citation = "Feng et al. 2502.09622; sufficient constants N >= 2 L Z_L/(-ln(1-delta)), eps_learning <= "
    citation += "-ln(1-delta)/(2L) derived here"
    trust = ("S", "D")
    kind = "bound"
    assumptions = "V^L small enough to enumerate; eps_learning of the denoiser at most -ln(1-delta)/(2L)"

    caveats = ("follows from ser-kl, linear-bernoulli and the sum of both errors",)

    def check(self, language: Language, length: int, delta: float, *, denoiser: Denoiser | None = None) -> Verdict:
        """Exact SER with the sufficient number of uniform steps.

        Args:
            language: An HMM, or an n-gram, which is one on its contexts.
            length: L ≥ 1.
            delta: δ in (0, 1).
            denoiser: A learned denoiser; None for the exact one.
        """
        self.require(isinstance(language, (HMMLanguage, NGramLanguage)), f"{language.name} is no hidden Markov model")
        self.require(0 < check_fraction("delta", delta) < 1, f"delta must lie strictly between 0 and 1, got {delta}")
        self.require(affordable(language, length), f"V={language.vocab_size}, L={length} is too large to enumerate")
        budget = -math.log1p(-delta) / 2
        top = float(information_curve(language, length).z[-1])
        steps = max(1, math.ceil(length * top / budget))
        self.require(steps <= MOST_STEPS, f"delta = {delta} asks for {steps} steps")
        scheme, used = Bernoulli.uniform(steps), denoiser or Oracle(language)
        if denoiser is not None:
            error = enumeration.learning_error(used, language, length, scheme).maximum.value
            allowed = budget / length
            self.require(error <= allowed * (1 + 1e-9), f"eps_learning is {error:.4g}, at most {allowed:.4g} will do")
        left = enumeration.law(used, length, scheme).sequence_error_rate(language)
        right = claimed(delta, unit="probability", law="marginal")
        enough = next(n for n in range(1, steps + 1) if n == steps or self._rate(used, language, length, n) <= delta)
        notes = [f"N = {enough} would do"]
        instance = describe(language, length, f"delta={delta}", f"N={steps}", denoiser)
        return self.verdict(instance, Comparison("SER", left, "<=", right), notes=notes)

    @staticmethod
    def _rate(denoiser: Denoiser, language: Language, length: int, steps: int) -> float:
        return enumeration.law(denoiser, length, Bernoulli.uniform(steps)).sequence_error_rate(language).value

    def instances(self) -> Iterator[Mapping[str, Any]]:
        hidden = language_from(SMALL_HMM)
        pairs = language_from("copy-pairs:symbols=3")
        yield {"language": hidden, "length": 4, "delta": 0.2}
        yield {"language": pairs, "length": 4, "delta": 0.2}
        for language in (hidden, pairs):
            worst = PerturbedOracle(language, -math.log1p(-0.2) / 8)
            yield {"language": language, "length": 4, "delta": 0.2, "denoiser": worst}
        # Half of what is allowed goes into leaks, all of which are errors; nearly all of the rest into contradictions.
        repeat = language_from("repeat:symbols=2")
        worst = PerturbedOracle(repeat, -math.log1p(-0.2) / 10)
        yield {"language": repeat, "length": 5, "delta": 0.2, "denoiser": worst}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for delta in (0.1, 0.5):
            yield {"language": language, "length": length, "delta": delta}
