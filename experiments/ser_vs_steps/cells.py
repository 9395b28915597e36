"""SER of the exact denoiser without samples, its first-order law, and "steps must grow linearly" as a number."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes

if TYPE_CHECKING:
    from languages import Language

TARGET = 0.5
"""The SER that the linear law N ≈ κL/(−ln(1 − SER)) is asked for."""
FIRST_ORDER = "1 − exp(−Σ w²g), an approximation of the SER"
PLACES = {"denoiser": "oracle", "sampler": "uniform"}


@dataclasses.dataclass(frozen=True)
class SequenceErrorCell(LanguageCell):
    """SER at several numbers of uniform steps, where a calculator knows it; on request its first-order law and κ.

    Attributes:
        steps: Numbers of uniform steps N.
        first_order: Whether 1 − exp(−Σ w²g) and κ are wanted too.
        conflict_sequences: Sequences for a conflict curve that has to be estimated.
    """

    steps: tuple[int, ...]
    first_order: bool
    conflict_sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Calculate; `workdir` is not needed."""
        from mdmtheory.exact.uniform_steps import has_calculator, sequence_error_rates

        language = self.build()
        rows = []
        if has_calculator(language):
            for num_steps, ser in sequence_error_rates(language, self.length, self.steps).items():
                rows.append(self.row(ser, "ser", steps=num_steps, **PLACES))
        if self.first_order:
            rows += self._first_order_rows(language)
        return rows

    def _first_order_rows(self, language: Language) -> list[Row]:
        """The first-order law at every N, and κ."""
        from languages import Estimate
        from languages.information import conflict_curve, estimate_conflict_curve, is_first_order
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.exact.asymptotics import first_order_sequence_error_rate
        from mdmtheory.exact.exponents import block_size, exact_kappa

        reveals = {n: uniform_reveal(n) for n in self.steps}
        block = block_size(language)
        if is_first_order(language) or block is not None:
            # Blocks are independent, and so are their conflicts.
            size, copies = (self.length, 1.0) if block is None else (block, self.length / block)
            curve = conflict_curve(language, size)
            correct = {n: 1 - first_order_sequence_error_rate(curve, reveal) for n, reveal in reveals.items()}
            laws = {
                n: Estimate.exact(1 - chance**copies, law="marginal", unit="probability")
                for n, chance in correct.items()
            }
            kappa = exact_kappa(language)
        else:
            sampled = estimate_conflict_curve(
                language, self.length, num_sequences=self.conflict_sequences, generator=self.generator()
            )
            laws = {}
            for n in self.steps:
                middles, squares = [(k + 0.5) / n for k in range(n)], [n**-2.0] * n
                conflicts = sampled.linear(middles, squares, law="marginal", unit="")
                laws[n] = conflicts.mapped(lambda x: -math.expm1(-max(0.0, x)), unit="probability")
            kappa = dataclasses.replace(sampled.integral.scaled(1 / self.length), law="marginal", unit="nats")
        # Of no law of the sampler: the formula is calculated exactly, or from a sampled curve, and the SER is another.
        laws = {n: dataclasses.replace(law, law="", by=FIRST_ORDER) for n, law in laws.items()}
        rows = [self.row(law, "ser_first_order", steps=n, **PLACES) for n, law in laws.items()]
        return rows if kappa is None else [*rows, self.row(kappa, "kappa", **PLACES)]

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        from mdmtheory.exact.markov.cost import recursion_work
        from mdmtheory.exact.uniform_steps import TABLE_WORK

        size = describe_size(self.language)
        if size == 1:
            work = recursion_work(8, self.length, max(self.steps))
            return 0.5 + (work / 6e9 if work <= TABLE_WORK else 8e-3 * sum(self.steps))
        sampled = self.conflict_sequences * 66 * self.length * (1e-6 + 20e-9 * size) if self.first_order else 0.0
        return 0.5 + sampled

    def estimated_bytes(self) -> float:
        """Memory of torch and of one pass over the lengths that are followed."""
        from mdmtheory.exact.markov.cost import recursion_work
        from mdmtheory.exact.uniform_steps import TABLE_WORK

        followed = self.length if recursion_work(8, self.length, max(self.steps)) <= TABLE_WORK else 80
        return 0.4e9 + 8 * followed**2 * 9**3 + step_bytes(self.steps)


@dataclasses.dataclass(frozen=True)
class ExponentCell(LanguageCell):
    """Error exponent −ln λ_N, κ, and what the linear law N ≈ κL/(−ln(1 − SER)) asks for at this length.

    No rows for languages without an exact κ.

    Attributes:
        steps: Numbers of uniform steps N.
    """

    steps: tuple[int, ...]

    def run(self, workdir: Path) -> Sequence[Row]:
        """Calculate; `workdir` is not needed."""
        from languages import Estimate
        from mdmtheory.exact.exponents import error_exponent, exact_kappa
        from mdmtheory.exact.uniform_steps import has_calculator, sequence_error_rates

        language = self.build()
        kappa = exact_kappa(language)
        if kappa is None or not has_calculator(language):
            return []
        rows = [self.row(kappa, "kappa", **PLACES)]
        rows += [self.row(error_exponent(language, n), "error_exponent", steps=n, **PLACES) for n in self.steps]
        needed = max(1, round(kappa.value * self.length / -math.log1p(-TARGET)))
        steps = Estimate.exact(needed, law="marginal", unit="steps")
        ser = sequence_error_rates(language, self.length, [needed])[needed]
        rows.append(self.row(steps, "linear_steps", steps=needed, **PLACES))
        rows.append(self.row(ser, "ser_at_linear_steps", steps=needed, **PLACES))
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        return 1.0 + (8e-3 * (sum(self.steps) + self.length) if describe_size(self.language) == 1 else 0.0)

    def estimated_bytes(self) -> float:
        """Memory of torch and of one pass."""
        return 0.4e9
