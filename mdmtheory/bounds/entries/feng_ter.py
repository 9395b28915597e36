"""Feng et al. 2502.09622: few steps suffice for fluent tokens."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from languages import Estimate, Language, NGramLanguage, language_from
from languages.checks import check_count
from languages.information import InformationCurve, information_curve
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import MOST_STEPS, describe, h_of
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.denoisers import Denoiser, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli


class FengTer(Entry):
    """Near-optimal perplexity in a number of steps that does not grow with the length."""

    id = "feng-ter"
    statement = "n-gram, N = O((n-1)/eps^(n+1/2)) steps: log TER(p) <= log TER(q) + eps_learning + 4 eps log V"
    citation = "Feng et al. 2502.09622; exponent n instead of n + 1/2 as quoted by Li and Cai; constant 1 derived here"
    trust = ("S", "2", "D")
    kind = "bound"
    assumptions = "an n-gram with n >= 2, V >= 2, 0 < eps; with a learned denoiser, V^L small enough to enumerate"

    caveats = (
        "follows from linear-bernoulli, by which the gap is at most eps^(n-1/2)/(4(n-1)) of what is allowed, and "
        "eps^(n-1)/(4(n-1)) with the exponent n: no instance comes nearer than 0.08, and the factor 4 is untested",
    )

    def check(self, language: Language, length: int, epsilon: float, *, denoiser: Denoiser | None = None) -> Verdict:
        """Path KL of uniform steps, N the constant-one form of each of the two step counts.

        The path law bounds the marginal one, so the statement about samples follows.

        Args:
            language: An n-gram.
            length: L; the statement asks for L = O((n−1)/ε^{n+½}) too, but is not known to need it.
            epsilon: ε; from ¼ on the bound says nothing, as 4ε log V exceeds any path KL a token.
            denoiser: A learned denoiser; None for the exact one.
        """
        self.require(isinstance(language, NGramLanguage), f"{language.name} is no n-gram")
        assert isinstance(language, NGramLanguage)
        order, vocab_size = language.order, language.vocab_size
        self.require(order >= 2, "n - 1 = 0: a 1-gram needs one step")
        self.require(vocab_size >= 2, "one token alone has no entropy")
        self.require(0 < epsilon < 1, f"epsilon must lie in (0, 1), got {epsilon}")
        length = check_count("length", length)
        curve, parts, counts, scales = information_curve(language, length), [], [], []
        for exponent, who in ((order + 0.5, "n+1/2 [S]"), (float(order), "n, as quoted by Li and Cai [2]")):
            scales.append((order - 1) / epsilon**exponent)
            counts.append(steps := math.ceil(scales[-1]))
            self.require(steps <= MOST_STEPS, f"epsilon = {epsilon} asks for {steps} steps")
            if denoiser is None:
                value, error = _uniform_path_kl(curve, steps), 0.0
            else:
                scheme = Bernoulli.uniform(steps)
                value = enumeration.path_kl(denoiser, language, length, scheme).value
                error = enumeration.learning_error(denoiser, language, length, scheme).maximum.value
            left = Estimate.exact(value / length, law="path", unit="nats a token")
            right = claimed(error + 4 * epsilon * math.log(vocab_size), unit="nats a token", law="path")
            parts.append(Comparison(f"log TER gap, exponent {who}", left, "<=", right))
        enough = _fewest_steps(curve, length * 4 * epsilon * math.log(vocab_size))
        constants = " and ".join(f"{enough / scale:.3g}" for scale in scales)
        notes = [
            f"N = {counts[0]} and {counts[1]}",
            f"N = {enough} would do without learning error: constants {constants} in O((n-1)/eps^exponent)",
        ]
        return self.verdict(describe(language, length, f"epsilon={epsilon}", denoiser), *parts, notes=notes)

    def instances(self) -> Iterator[Mapping[str, Any]]:
        chain = language_from("2-gram")
        yield {"language": chain, "length": 128, "epsilon": 0.03}
        yield {"language": language_from("3-gram:vocab=3,seed=0,prune=0.1"), "length": 8, "epsilon": 0.1}
        small = language_from("2-gram:vocab=2,seed=0,prune=0")
        yield {"language": small, "length": 4, "epsilon": 0.24, "denoiser": PerturbedOracle(small, 0.05, kind="tilt")}

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for epsilon in (0.1, 0.2):
            yield {"language": language, "length": length, "epsilon": epsilon}


def _fewest_steps(curve: InformationCurve, path_kl: float) -> int:
    """The least number of uniform steps with at most this path KL."""
    high = 1
    while _uniform_path_kl(curve, high) > path_kl:
        high *= 2
    low = high // 2
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _uniform_path_kl(curve, middle) > path_kl else (low, middle)
    return high


def _uniform_path_kl(curve: InformationCurve, steps: int) -> float:
    """Path KL of uniform steps, nats: ∫h less its lower sum."""
    return max(0.0, curve.total_correlation - float(h_of(curve, np.arange(steps) / steps).mean()))
