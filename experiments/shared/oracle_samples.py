"""Samples of the exact denoiser: what parallel sampling alone does to whole sequences."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes

if TYPE_CHECKING:
    from languages import Language
    from mdmtheory.samplers import Samples


@dataclasses.dataclass(frozen=True)
class OracleCell(LanguageCell):
    """SER, generative TER and cost of the exact denoiser at one number of uniform steps.

    Attributes:
        num_steps: N.
        sequences: How many to sample.
    """

    num_steps: int
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Sample and score; `workdir` is not needed."""
        from languages import Estimate
        from mdmtheory.denoisers import Oracle
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.estimates import estimate_sequence_error_rate, marginal_kl_bracket
        from mdmtheory.exact import path
        from mdmtheory.samplers import plans, sample

        language = self.build()
        oracle = Oracle(language)
        reveal = uniform_reveal(self.num_steps)
        plan = plans.bernoulli(reveal, self.sequences, self.length, generator=self.generator())
        started = time.perf_counter()
        samples = sample(oracle, plan)
        seconds = time.perf_counter() - started
        places = {"denoiser": "oracle", "sampler": "uniform", "steps": self.num_steps}
        rows = sample_rows(self, language, samples, seconds, **places)
        upper = math.inf
        if path.has_exact_curve(language):
            upper = path.path_kl(language, self.length, reveal)
        bracket = marginal_kl_bracket(
            estimate_sequence_error_rate(language, samples.tokens), Estimate.exact(upper, law="path", unit="nats")
        )
        rows.append(self.row(bracket, "kl", **places))
        # Counted over these samples; questions of one row depend on each other, so the only sure interval is [0, 1].
        dead = Estimate(oracle.dead_fraction, 0.0, 1.0, "monte-carlo", "marginal", "ratio")
        rows.append(self.row(dead, "dead_fraction", **places))
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core: distinct rounds of a row, times its segments still unknown, times a fitted rate."""
        size = describe_size(self.language)
        rounds = self.num_steps * -math.expm1(self.length * math.log1p(-1 / max(2, self.num_steps)))
        unknown = 0.5 if 2 * self.num_steps > self.length else 1.0
        return 1.0 + self.sequences * rounds * self.length * (0.1e-6 if size == 1 else 20e-9 * size * unknown)

    def estimated_bytes(self) -> float:
        """Memory of torch and of one chunk of forward–backward."""
        return 0.4e9 + 4 * 8 * 2**24 + self.sequences * self.length * 400 + step_bytes([self.num_steps])


def sample_rows(cell: LanguageCell, language: Language, samples: Samples, seconds: float, **places: Any) -> list[Row]:
    """SER, generative TER, calls and seconds of samples, whoever made them."""
    from languages import Estimate
    from mdmtheory.estimates import estimate_generative_log_ter, estimate_sequence_error_rate

    tokens = samples.tokens.to(language.device)
    ser = estimate_sequence_error_rate(language, tokens)
    generative = estimate_generative_log_ter(language, tokens).mapped(math.exp, unit="ratio")
    calls = Estimate.from_samples(samples.network_calls.double().cpu().numpy(), unit="calls")
    wall = Estimate.measured([seconds], unit="seconds")
    return [
        cell.row(ser, "ser", **places),
        cell.row(generative, "ter", **places),
        cell.row(calls, "network_calls", **places),
        cell.row(wall, "seconds", **places),
    ]
