"""The laws of one sampler beside each other: path, marginal, generative, at every number of uniform steps."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes
from experiments.shared.path_law import ter_increase

if TYPE_CHECKING:
    from languages import Estimate, Language


@dataclasses.dataclass(frozen=True)
class LawsCell(LanguageCell):
    """Path KL, marginal KL, SER and generative law of the exact denoiser at every number of uniform steps.

    Attributes:
        steps: Numbers of uniform steps N, increasing.
        sequences: Sequences for marginal laws that have to be estimated.
    """

    steps: tuple[int, ...]
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """All laws at each N, how fast they fall, and what theory says they tend to; `workdir` is not needed."""
        from languages import Estimate

        language = self.build()
        rows: list[Row] = []
        before: dict[str, tuple[int, Estimate]] = {}
        for n in self.steps:
            path, marginal, error = laws(self, language, n)
            generative = generative_excess(language, self.length, n)
            places = {"denoiser": "oracle", "sampler": "uniform", "steps": n}
            for kl in (path, marginal):
                rows.append(self.row(kl, "kl", **places))
                rows.append(self.row(ter_increase(kl, self.length), "ter_increase", **places))
                if kl.method == "exact" and kl.value > 0:
                    if kl.law in before:
                        rows.append(self.row(order(*before[kl.law], n, kl), "order", **places))
                    before[kl.law] = n, kl
            if marginal.low > 0:
                rows.append(self.row(quotient(path, marginal), "path_over_marginal", **places))
            rows.append(self.row(error, "ser", **places))
            floor = error.mapped(lambda ser: -math.log1p(-ser) if ser < 1 else math.inf, unit="nats")
            rows.append(self.row(floor, "kl_floor", **places))
            if generative is not None:
                rows.append(self.row(generative, "surprise_excess", **places))
        for law, constant in constants(language, self.length).items():
            value = Estimate.exact(constant, law=law, unit="nats × steps")
            rows.append(self.row(value, "kl_constant", denoiser="oracle", sampler="uniform"))
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core: rows, times gaps of a row, times steps, at a fitted rate."""
        if describe_size(self.language) > 1:
            return 1.0
        return 0.5 + 2e-10 * max(1024, self.sequences) * sum(self.steps) * (self.length + 2) ** 4 / 24

    def estimated_bytes(self) -> float:
        """Memory of torch and of the tables of a chain."""
        return 0.5e9 + step_bytes([*self.steps, self.length])


def has_laws(language: Language) -> bool:
    """Whether the marginal law of a language can be known: a first-order chain, or closed forms."""
    from languages.information import is_first_order

    return is_first_order(language) or _has_forms(language)


def laws(cell: LawsCell, language: Language, num_steps: int) -> tuple[Estimate, Estimate, Estimate]:
    """Path KL, marginal KL (nats) and SER of uniform steps. Where KL is estimated, every N sees the same sequences."""
    from languages import Estimate
    from mdmtheory.diffusion.schedules import uniform_reveal
    from mdmtheory.exact import markov, path

    reveal, length, forms = uniform_reveal(num_steps), cell.length, language.closed_forms
    if forms is not None and _has_forms(language):
        kl, ser = forms.path_kl(length, reveal), forms.sequence_error_rate(length, reveal)
        marginal = Estimate.exact(forms.marginal_kl(length, reveal), law="marginal", unit="nats")
    else:
        kl, ser = path.path_kl(language, length, reveal), markov.sequence_error_rate(language, length, reveal)
        marginal = Estimate.exact(kl, law="marginal", unit="nats")  # one step has one order, and one law
        if num_steps > 1:
            marginal = markov.marginal_kl(
                language, length, reveal, num_sequences=cell.sequences, generator=cell.generator()
            )
    return (
        Estimate.exact(kl, law="path", unit="nats"),
        marginal,
        Estimate.exact(ser, law="marginal", unit="probability"),
    )


def generative_excess(language: Language, length: int, num_steps: int) -> Estimate | None:
    """`markov.generative_excess` of uniform steps; None but for chains."""
    from languages import Estimate, NGramLanguage
    from languages.information import is_first_order
    from mdmtheory.diffusion.schedules import uniform_reveal
    from mdmtheory.exact import markov

    if not (isinstance(language, NGramLanguage) and is_first_order(language)):
        return None
    excess = markov.generative_excess(language, length, uniform_reveal(num_steps))
    return Estimate.exact(excess, law="generative", unit="nats")


def constants(language: Language, length: int) -> dict[str, float]:
    """What N·KL tends to for uniform steps: (h(1) − h(0))/2 for the path law, ∫g for the marginal law.

    The second is zero where every sequence is possible: there the marginal KL falls as 1/N².
    """
    from languages.information import conflict_curve, information_curve

    forms = language.closed_forms
    z = forms.information_curve(length) if forms is not None and _has_forms(language) else None
    result = {"path": float((information_curve(language, length).z if z is None else z)[-1]) * length / 2}
    with contextlib.suppress(ValueError):  # a block language too long to enumerate: left out
        result["marginal"] = conflict_curve(language, length).integral
    return result


def order(steps_before: int, before: Estimate, steps: int, after: Estimate) -> Estimate:
    """The power of 1/N at which an exact KL falls between two numbers of steps, −Δ ln KL / Δ ln N."""
    from languages import Estimate

    power = math.log(before.value / after.value) / math.log(steps / steps_before)
    return Estimate.exact(power, law=after.law, unit="power of 1/N")


def quotient(path: Estimate, marginal: Estimate) -> Estimate:
    """Path KL over marginal KL: by how much a NELBO overstates the error of the sampler."""
    value, low, high = path.value / marginal.value, path.value / marginal.high, path.value / marginal.low
    return dataclasses.replace(marginal, value=value, low=low, high=high, law="", unit="ratio")


def _has_forms(language: Language) -> bool:
    known = () if language.closed_forms is None else language.closed_forms.known
    return {"path_kl", "marginal_kl", "sequence_error_rate", "information_curve"} <= set(known)
