"""Feng et al. 2502.09622: few steps suffice for fluent tokens, many are needed for correct sequences."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from jaxtyping import Bool, Float, Int
from scipy import optimize
from torch import Tensor

from languages import Estimate, HMMLanguage, Language, NGramLanguage, copy_pairs, language_from
from languages.checks import check_count, check_fraction
from languages.information import InformationCurve, information_curve
from mdmtheory.bounds.entry import Comparison, Entry, Verdict, claimed
from mdmtheory.bounds.sides import SMALL_HMM, affordable, describe, h_of
from mdmtheory.denoisers import Denoiser, Oracle, PerturbedOracle
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli

_MOST_STEPS = 1 << 15


class FengTer(Entry):
    """Near-optimal perplexity in a number of steps that does not grow with the length."""

    id = "feng-ter"
    statement = "n-gram, N = O((n-1)/eps^(n+1/2)) steps: log TER(p) <= log TER(q) + eps_learning + 4 eps log V"
    citation = "Feng et al. 2502.09622; exponent n instead of n + 1/2 as quoted by Li and Cai; constant 1 derived here"
    trust = ("S", "2", "D")
    kind = "bound"
    assumptions = "an n-gram with n >= 2, V >= 2, 0 < eps; with a learned denoiser, V^L small enough to enumerate"

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
            self.require(steps <= _MOST_STEPS, f"epsilon = {epsilon} asks for {steps} steps")
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


class FengSerUpper(Entry):
    """Any sequence error rate can be reached with enough steps and a good enough denoiser."""

    id = "feng-ser-upper"
    statement = "eps_learning < O(delta/L) and N large: SER <= delta"
    citation = "Feng et al. 2502.09622; sufficient constants N >= 2 L Z_L/(-ln(1-delta)), eps_learning <= "
    citation += "-ln(1-delta)/(2L) derived here"
    trust = ("S", "D")
    kind = "bound"
    assumptions = "V^L small enough to enumerate; eps_learning of the denoiser at most -ln(1-delta)/(2L)"

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
        self.require(steps <= _MOST_STEPS, f"delta = {delta} asks for {steps} steps")
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

    def instances_of(self, language: Language, length: int) -> Iterator[Mapping[str, Any]]:
        for delta in (0.1, 0.5):
            yield {"language": language, "length": length, "delta": delta}


class FengSerLower(Entry):
    """For some HMM a correct sequence needs steps in proportion to its length."""

    id = "feng-ser-lower"
    statement = "some HMM over 16 symbols, eps_learning < 1/128, any schedule, N = C L: SER > 1/2"
    citation = "Feng et al. 2502.09622 (their HMM is a picture only); copy pairs and the constants derived here"
    trust = ("S", "D")
    kind = "bound"
    assumptions = "copy pairs on k >= 2 symbols, even L, N = floor(C L) >= 1, eps_learning below 1/128 or none"

    def check(
        self, constant: float, length: int, *, num_symbols: int = 16, epsilon: float = 0.0, reveal: object = None
    ) -> Verdict:
        """SER of L/2 independent pairs from the enumerated law of one, with the most harmless denoiser allowed.

        Args:
            constant: C; the statement holds at every even L up to `largest_constant`.
            length: L, even.
            num_symbols: k.
            epsilon: ε_learning of the reverse model in nats; the model that agrees with itself most often is taken.
            reveal: (N,) reveal probabilities with N ≤ C·L; None for N = ⌊C·L⌋ uniform steps, the best ones.
        """
        length = check_count("length", length, least=2)
        self.require(length % 2 == 0, f"L = {length} is odd: the last token is no pair")
        self.require(0 <= epsilon <= 1 / 128, f"epsilon must lie in [0, 1/128], got {epsilon}")
        self.require(check_count("num_symbols", num_symbols) >= 2, "one symbol alone is always right")
        limit = self.largest_constant(num_symbols, epsilon)
        self.require(constant <= limit, f"C = {constant} is beyond {limit:.6g}, where the construction stops")
        most = math.floor(constant * length)
        self.require(most >= 1, f"C L = {constant * length:.3g} is less than one step")
        scheme = Bernoulli.uniform(most) if reveal is None else Bernoulli(reveal)  # type: ignore[arg-type]
        used = sum(weight > 0 for weight in scheme.reveal)
        self.require(used <= most, f"{used} steps are more than C L = {constant * length:.6g}")
        language = copy_pairs(num_symbols)
        pair = enumeration.law(Harmless(num_symbols, epsilon), 2, scheme).sequence_error_rate(language).value
        left = Estimate.exact(-math.expm1(length / 2 * math.log1p(-pair)), law="marginal", unit="probability")
        part = Comparison("SER", left, ">", claimed(0.5, unit="probability", law="marginal"))
        instance = describe(language, length, f"C={constant}", f"epsilon={epsilon:.6g}", scheme)
        return self.verdict(instance, part, notes=[f"construction stops at C = {limit:.6g} for L to infinity"])

    def instances(self) -> Iterator[Mapping[str, Any]]:
        for length in (2, 8, 64, 256):
            yield {"constant": 0.676, "length": length}
            yield {"constant": 0.6753, "length": length, "epsilon": 1 / 128}
        yield {"constant": 0.5, "length": 8, "reveal": [0.1, 0.2, 0.3, 0.4]}

    @staticmethod
    def largest_constant(num_symbols: int = 16, epsilon: float = 0.0) -> float:
        """The C up to which SER > ½ at every even L, by bisection on the SER of long sequences.

        0.6763 at k = 16 with an exact denoiser, 0.6753 with ε = 1/128.
        """
        agree = agreement(num_symbols, epsilon)
        pairs = 2.0**40

        def exceeds(constant: float) -> bool:
            steps = 2 * pairs * constant
            return -math.expm1(pairs * math.log1p(-(1 - agree) / steps)) > 0.5

        low, high = 0.0, 2.0
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (middle, high) if middle and exceeds(middle) else (low if middle else middle, middle)
        return low


class Harmless:
    """Of all reverse models of copy pairs with ε_learning, the one whose pairs revealed together agree most often.

    Both tokens of an open pair follow the law that is surest of one symbol within KL(uniform ‖ law) ≤ ε. Half-open
    pairs are completed correctly.
    """

    device = torch.device("cpu")

    def __init__(self, num_symbols: int, epsilon: float) -> None:
        self.vocab_size = self.mask_id = num_symbols
        self.law = torch.tensor(surest_law(num_symbols, epsilon), dtype=torch.float64)

    def __call__(
        self, tokens: Int[Tensor, "B L"], time: Tensor | None = None, at: Bool[Tensor, "B L"] | None = None
    ) -> Float[Tensor, "*positions V"]:
        """Log-probabilities; see `mdmtheory.denoisers.Denoiser`."""
        partner = tokens.view(len(tokens), -1, 2).flip(-1).reshape(tokens.shape)
        known = torch.where(tokens < self.vocab_size, tokens, partner)
        one_hot = torch.nn.functional.one_hot(known, self.vocab_size + 1)[..., : self.vocab_size].double()
        answer = torch.where((known < self.vocab_size)[..., None], one_hot, self.law).log()
        return answer if at is None else answer[at]

    def __repr__(self) -> str:
        return f"Harmless(k={self.vocab_size})"


def surest_law(num_symbols: int, epsilon: float) -> list[float]:
    """The law p on k symbols with the largest Σp² within KL(uniform ‖ p) ≤ ε.

    At the maximum p takes two values (2p = λ/p + μ), the larger one on m symbols; m = 1 is best, all are tried.
    """
    uniform = [1 / num_symbols] * num_symbols
    if epsilon == 0 or num_symbols == 1:
        return uniform

    def spread(high: float, many: int) -> list[float]:
        rest = (1 - many * high) / (num_symbols - many)
        return [high] * many + [rest] * (num_symbols - many)

    def kl(high: float, many: int) -> float:
        return -math.fsum(math.log(num_symbols * p) for p in spread(high, many)) / num_symbols

    laws = []
    for many in range(1, num_symbols):
        top = (1 - 1e-12) / many
        high = optimize.brentq(lambda p, m=many: kl(p, m) - epsilon, 1 / num_symbols, top, xtol=1e-16)
        laws.append(spread(high, many))
    return max(laws, key=lambda law: math.fsum(p * p for p in law))


def agreement(num_symbols: int, epsilon: float) -> float:
    """Largest chance Σp² that two independent draws agree, KL(uniform ‖ p) ≤ ε: 0.063795 at k = 16, ε = 1/128."""
    return math.fsum(p * p for p in surest_law(num_symbols, epsilon))


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
