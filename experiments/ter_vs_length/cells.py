"""TER increase of the exact denoiser under its three laws: path, marginal and generative, at any length.

The path law is what an N-step NELBO measures, the marginal law that of the sequences that come out; the generative TER
judges these sequences under the truth (its unpruned parent), against sequences of the truth judged alike.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes
from experiments.shared.path_law import path_kls, ter_increase

if TYPE_CHECKING:
    from languages import Estimate, Language
    from mdmtheory.estimates.long_chains import LongChain

PLACES = {"denoiser": "oracle", "sampler": "uniform"}
FIRST_ORDER = "ter_increase_first_order"
"""The metric of Σ w²g/L: the TER increase of the marginal law up to O(1/N²)."""
TRUTH_SEQUENCES = 1 << 15
"""Sequences of the truth for its own generative TER, where that is estimated."""


@dataclasses.dataclass(frozen=True)
class ChainLawsCell(LanguageCell):
    """The three laws of an irreducible aperiodic first-order chain, without a sampler; `length` is the longest.

    Attributes:
        lengths: All lengths L.
        steps: Numbers of uniform steps N.
        sequences: Sequences of the truth for the marginal KL.
    """

    lengths: tuple[int, ...]
    steps: tuple[int, ...]
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Calculate; `workdir` is not needed."""
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.estimates.long_chains import SHORT, LongChain

        language = self.build()
        tokens = language.sample(self.sequences, SHORT[-1], generator=self.generator())
        laws = {
            n: LongChain.of(language, uniform_reveal(n), tokens)  # type: ignore[arg-type]
            for n in (self.steps if max(self.lengths) > SHORT[-1] else ())
        }
        rows = []
        for length in self.lengths:
            here = dataclasses.replace(self, length=length)
            paths = path_kls(language, length, self.steps, 0, self.seed)
            for n in self.steps:
                marginal, bracket, generative = (
                    _long(laws[n], length, paths[n]) if length > SHORT[-1] else here._short(language, n, paths[n])
                )
                places = {"steps": n, **PLACES}
                for kl in (paths[n], marginal, bracket):
                    rows.append(here.row(ter_increase(kl, length), "ter_increase", **places))
                rows.append(here.row(generative, "ter_increase", **places))
        return rows

    def _short(self, language: Language, num_steps: int, path: Estimate) -> tuple[Estimate, Estimate, Estimate]:
        """Marginal KL, its bracket and the generative TER increase where the sequence itself is short."""
        from languages import Estimate
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.estimates import marginal_kl_bracket
        from mdmtheory.exact import markov

        reveal = uniform_reveal(num_steps)
        kl = markov.marginal_kl(language, self.length, reveal, num_sequences=self.sequences, generator=self.generator())
        ser = Estimate.exact(markov.sequence_error_rate(language, self.length, reveal))
        truth = markov.cross_entropy(language, self.length)  # type: ignore[arg-type]
        excess = markov.generative_log_ter(language, self.length, reveal) - truth / self.length
        generative = Estimate.exact(math.expm1(excess), law="generative", unit="ratio")
        return kl, marginal_kl_bracket(ser, path), generative

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        from mdmtheory.estimates.long_chains import SHORT

        per_step = 0.016 + self.sequences * SHORT[-1] ** 4 / 24 * 1.6e-9
        return 2.0 + per_step * sum(self.steps)

    def estimated_bytes(self) -> float:
        """Memory of torch and of one pass."""
        return 0.5e9 + step_bytes(self.steps)


@dataclasses.dataclass(frozen=True)
class SampledLawsCell(LanguageCell):
    """The three laws of any language at one length: path law of every N, the others where sequences are sampled.

    The marginal law gets its bracket from samples, and its first-order law Σ w²g/L for every N.

    Attributes:
        steps: Numbers of uniform steps N.
        path_sequences: Sequences for path laws and conflict curves that have to be estimated.
        sample_steps: Those N at which sequences are sampled.
        sequences: Sequences sampled at each N.
    """

    steps: tuple[int, ...]
    path_sequences: int
    sample_steps: tuple[int, ...]
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Estimate the path law, sample and score; `workdir` is not needed."""
        from languages.information import estimate_conflict_curve
        from mdmtheory.denoisers import Oracle
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.estimates import (
            estimate_generative_log_ter,
            estimate_sequence_error_rate,
            marginal_kl_bracket,
        )
        from mdmtheory.samplers import plans, sample

        language, generator = self.build(), self.generator()
        wanted = sorted({*self.steps, *self.sample_steps})
        paths = path_kls(language, self.length, wanted, self.path_sequences, self.seed)
        rows = [self.row(ter_increase(kl, self.length), "ter_increase", steps=n, **PLACES) for n, kl in paths.items()]
        curve = estimate_conflict_curve(language, self.length, num_sequences=self.path_sequences, generator=generator)
        for n in wanted:
            middles, squares = [(k + 0.5) / n for k in range(n)], [n**-2.0] * n
            conflicts = curve.linear(middles, squares, law="marginal")
            rows.append(self.row(ter_increase(conflicts, self.length), FIRST_ORDER, steps=n, **PLACES))
        truth = language.sample(TRUTH_SEQUENCES, self.length, generator=generator)
        baseline = estimate_generative_log_ter(language, truth)
        for n in self.sample_steps:
            plan = plans.bernoulli(uniform_reveal(n), self.sequences, self.length, generator=generator)
            tokens = sample(Oracle(language), plan).tokens
            ser = estimate_sequence_error_rate(language, tokens)
            bracket = marginal_kl_bracket(ser, paths[n])
            generative = difference(estimate_generative_log_ter(language, tokens), baseline)
            places = {"steps": n, **PLACES}
            rows.append(self.row(ser, "ser", **places))
            rows.append(self.row(ter_increase(bracket, self.length), "ter_increase", **places))
            rows.append(self.row(generative.mapped(math.expm1, unit="ratio"), "ter_increase", **places))
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core: the path curve, and distinct rounds of a row times its segments still unknown."""
        size, length = describe_size(self.language), self.length
        rounds = sum(n * -math.expm1(length * math.log1p(-1 / max(2, n))) for n in self.sample_steps)
        path = self.path_sequences * 90 * length * (1e-6 + 20e-9 * size)
        return 2.0 + path + self.sequences * rounds * length * 15e-9 * size

    def estimated_bytes(self) -> float:
        """Memory of torch and of one chunk of forward–backward."""
        return 0.4e9 + 4 * 8 * 2**24 + TRUTH_SEQUENCES * self.length * 16 + step_bytes(self.steps)


def difference(one: Estimate, other: Estimate) -> Estimate:
    """One less the other, from independent samples; infinite where the one is."""
    return one if math.isinf(one.value) else one + other.scaled(-1)


def _long(laws: LongChain, length: int, path: Estimate) -> tuple[Estimate, Estimate, Estimate]:
    """Marginal KL, its bracket and the generative TER increase beyond the short lengths."""
    from languages import Estimate

    correct = min(laws.log_correct(length).low, path.value)
    bracket = Estimate.bracket(correct, path.value, law="marginal", unit="nats")
    excess = laws.generative_excess(length).scaled(1 / length)
    return laws.marginal_kl(length), bracket, excess.mapped(math.expm1, unit="ratio")
