"""Feng et al. 2502.09622: correct sequences need steps in proportion to their length."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from languages import Estimate, copy_pairs
from languages.checks import check_count
from mdmtheory.bounds.comparison import Comparison, claimed
from mdmtheory.bounds.entries.harmless import Harmless, agreement
from mdmtheory.bounds.entry import Entry
from mdmtheory.bounds.inequality_sides import describe
from mdmtheory.bounds.verdict import Verdict
from mdmtheory.exact import enumeration
from mdmtheory.samplers.schemes import Bernoulli


class FengSerLower(Entry):
    """For some HMM a correct sequence needs steps in proportion to its length."""

    id = "feng-ser-lower"
    statement = "some HMM over 16 symbols, eps_learning < 1/128, any schedule, N = C L: SER > 1/2"
    citation = "Feng et al. 2502.09622 (their HMM is a picture only); copy pairs and the constants derived here"
    trust = ("S", "D")
    kind = "bound"
    assumptions = "copy pairs on k >= 2 symbols, even L, N = floor(C L) >= 1, eps_learning below 1/128 or none"

    caveats = ("the SER of L/2 pairs is a power of that of one, which is enumerated: other HMMs are not tried",)

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
