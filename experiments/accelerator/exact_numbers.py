"""Section 4. Exact numbers on the device: SER of 2-grams by the gap recursion, checked against the CPU's."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from experiments.accelerator.clock import fresh_meter, peak_memory, wait
from experiments.accelerator.section import SectionCell
from experiments.harness import Row

LANGUAGE = "2-gram"


@dataclasses.dataclass(frozen=True, kw_only=True)
class SequenceErrorsCell(SectionCell):
    """Exact SER of uniform schedules.

    Attributes:
        table: All lengths up to L and all numbers of steps up to N in one pass, rather than the one number.
        length: L.
        steps: N.
    """

    section = 4
    seconds_full = 10.0
    seconds_small = 3.0
    table: bool
    length: int
    steps: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Compute on the device; `workdir` is not needed."""
        from languages import Estimate, language_from
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.exact import markov

        language = language_from(LANGUAGE)
        there = language.to(self.device)
        reveal = uniform_reveal(self.steps)
        if not self.small:
            markov.sequence_error_table(there, 8, 2)  # starts the libraries
        fresh_meter(self.device)
        started = time.perf_counter()
        if self.table:
            value = float(markov.sequence_error_table(there, self.length, self.steps)[-1, -1])
        else:
            value = markov.sequence_error_rate(there, self.length, reveal)
        wait(self.device)
        seconds = Estimate.measured([time.perf_counter() - started], unit="seconds")
        # On the CPU, and by another way: the trend over lengths, whose own error is far smaller.
        other = markov.extrapolated_sequence_error_rate(language, self.length, reveal)
        apart = Estimate.measured([abs(value - other.value)], unit="probability")
        what = f"SER table, L, N up to {self.length}, {self.steps}" if self.table else "exact SER"
        places: dict[str, Any] = {"language": LANGUAGE, "length": self.length, "steps": self.steps}
        places |= {"denoiser": "oracle", "sampler": "uniform"}
        ser = Estimate.exact(value, law="marginal", unit="probability")
        rows = [
            self.row(seconds, "seconds", what, **places),
            self.row(ser, "ser", what, **places),
            self.row(apart, "difference", what, **places),
        ]
        memory = peak_memory(self.device)
        return rows if memory is None else [*rows, self.row(memory, "peak_memory", what, **places)]
