"""Marginal and generative law of first-order chains at any length, from exact numbers at short ones.

A long sequence of a chain that mixes is made of segments that do not feel each other, so −ln(1 − SER), KL(q‖p) and the
extra surprise of samples all end up linear in the length. Each is exact (the KL: an average with exact log p(x)) at
short lengths and goes on along the line through the last two; on random 2-grams the lines are straight to 1e−8 from
length 16 on. Where the three lengths of a line disagree, the interval says so.
"""

from __future__ import annotations

import dataclasses
import math

import numpy as np
from jaxtyping import Float, Int
from numpy.typing import NDArray
from torch import Tensor

from languages import Estimate, NGramLanguage
from languages.information import is_first_order
from mdmtheory.exact import markov, path

SHORT = (12, 16, 24)
"""The lengths followed exactly: the line runs through the last two, the first tells how straight it is."""
SAFETY = 3.0
"""Factor on the error of the slope."""


def serves(language: object) -> bool:
    """Whether a language is an irreducible aperiodic first-order chain, the kind whose laws become linear."""
    return is_first_order(language) and language.chain().is_primitive  # type: ignore[arg-type]


@dataclasses.dataclass(frozen=True, eq=False)
class LongChain:
    """What one sampler does to an irreducible aperiodic first-order chain, at every length.

    Attributes:
        language: The chain.
        reveal: (N,) reveal probabilities w_k.
        correct: −ln(1 − SER) at the lengths `SHORT`, nats.
        surprise: E_p[−log q°] − E_q[−log q°] at the lengths `SHORT`, nats; q° the unpruned parent.
        misfit: (R,) r − 1 − ln r, r = p(x|support)/q(x), for each sequence x ~ q at the last of the lengths; its mean
            is KL(q ‖ p(·|support)).
        misfit_slope: (R,) its growth for each further token.
    """

    language: NGramLanguage
    reveal: Float[Tensor, " N"]
    correct: tuple[float, ...]
    surprise: tuple[float, ...]
    misfit: NDArray[np.float64]
    misfit_slope: NDArray[np.float64]

    @classmethod
    def of(
        cls,
        language: NGramLanguage,
        reveal: Float[Tensor, " N"],
        tokens: Int[Tensor, "R D"],
    ) -> LongChain:
        """Follow the short lengths.

        Args:
            language: An irreducible aperiodic first-order chain.
            reveal: (N,) reveal probabilities w_k.
            tokens: (R, D) at least two sequences x ~ q of the longest of the lengths `SHORT`, for the KL; the same ones
                for several samplers make these comparable.
        """
        curve = markov.sequence_error_curve(language, SHORT[-1], reveal).cpu().numpy()
        correct = tuple(-math.log1p(-float(curve[length - 1])) for length in SHORT)
        surprise = tuple(markov.generative_excess(language, length, reveal) for length in SHORT)
        forms = []
        for length, support in zip(SHORT, correct, strict=True):
            words = tokens[:, :length]
            log_ratio = markov.log_prob(language, words, reveal) - language.log_prob(words)
            given = log_ratio.cpu().numpy() + support
            forms.append(np.expm1(given) - given)
        slope = (forms[-1] - forms[0]) / (SHORT[-1] - SHORT[0])
        return cls(language, reveal, correct, surprise, forms[-1], slope)

    def log_correct(self, length: int) -> Estimate:
        """−ln(1 − SER), nats: the first part of the KL, and all of it to first order in 1/N."""
        return _line(self.correct, length, "marginal")

    def generative_excess(self, length: int) -> Estimate:
        """E_{x~p}[−log q°(x)] − E_{x~q}[−log q°(x)], nats for the whole sequence; q° the unpruned parent."""
        return _line(self.surprise, length, "generative")

    def marginal_kl(self, length: int) -> Estimate:
        """KL(q‖p) = −ln(1 − SER) + KL(q ‖ p(·|support)), nats, cut to the bracket up to the path KL."""
        first = self.log_correct(length)
        samples = self.misfit + (length - SHORT[-1]) * self.misfit_slope
        rest = Estimate.from_skewed_samples(samples)
        top = path.path_kl(self.language, length, self.reveal)
        ends = first.value + rest.value, first.low + rest.low, first.high + rest.high
        value, low, high = np.clip(ends, min(first.low, top), top).tolist()
        return Estimate(value, low, high, "extrapolated", "marginal", "nats")


def _line(values: tuple[float, ...], length: int, law: str) -> Estimate:
    """Go on along the line through the last two lengths."""
    before, slope = ((b - a) / (n - m) for a, b, m, n in zip(values, values[1:], SHORT, SHORT[1:], strict=False))
    value = values[-1] + (length - SHORT[-1]) * slope
    if not math.isfinite(value):
        return Estimate(math.inf, math.inf, math.inf, "extrapolated", law, "nats")
    error = SAFETY * abs(slope - before) * max(0, length - SHORT[-1]) + 1e-13 * abs(value)
    return Estimate(value, value - error, value + error, "extrapolated", law, "nats")
