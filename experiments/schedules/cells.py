"""Every family of schedules on one language: its errors at equal steps, and the steps it needs at equal error."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes
from experiments.shared.path_law import ter_increase

if TYPE_CHECKING:
    from experiments.schedules.families import ScheduleFamilies
    from languages import Estimate

MOST_STEPS = 1 << 13
"""Where the search for the steps that meet a target gives up."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class ScheduleRow(Row):
    """A row about a schedule.

    Attributes:
        after: The step after which `revealed_fraction` is given.
        target: The error that `steps_needed` and `steps_ratio` are about, such as "ter_increase <= 0.01".
    """

    after: int | None = None
    target: str = ""


@dataclasses.dataclass(frozen=True)
class SchedulesCell(LanguageCell):
    """Path KL, TER increase and SER of every family; steps needed for each target.

    Attributes:
        steps: Numbers of steps N.
        shown: The N at which the schedules themselves are written down.
        ter_increase: Target of TER(p)/TER(q) − 1 (path law).
        ser: Target of the SER.
        sequences: Sequences for curves that have to be sampled.
    """

    steps: tuple[int, ...]
    shown: int
    ter_increase: float
    ser: float
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """All families, one after the other; `workdir` is not needed."""
        from experiments.schedules.curves import schedule_curves
        from experiments.schedules.families import ScheduleFamilies

        language = self.build()
        curves = schedule_curves(language, self.length, self.sequences, self.generator())
        families = ScheduleFamilies(language, self.length, curves)
        rows: list[Row] = []
        uniform: dict[str, int] = {}
        for name in families.names:
            rows += self._shown(families, name)
            for n in self.steps:
                kl, error = families.kl(name, n), families.error(name, n)
                rows.append(self._row(kl, "kl", name, n))
                rows.append(self._row(ter_increase(kl, self.length), "ter_increase", name, n))
                if error is not None:
                    rows.append(self._row(error, "ser", name, n))
            rows += self._needed(families, name, uniform)
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core: the SER by gap recursion where it is known, else sampled curves."""
        size = describe_size(self.language)
        sampled = 3 * self.sequences * 33 * self.length * (2e-6 + 15e-9 * size)
        return 0.5 + (min(60.0, 15 * (self.length / 32) ** 2) if size == 1 else sampled)

    def estimated_bytes(self) -> float:
        """Memory of torch and of one chunk of forward–backward."""
        return 0.5e9 + 4 * 8 * 2**24 + step_bytes([*self.steps, self.shown, self.length])

    def _row(self, estimate: Estimate, metric: str, name: str, steps: int | None, **places: Any) -> ScheduleRow:
        return ScheduleRow.of(
            estimate,
            language=self.language,
            length=self.length,
            denoiser="oracle",
            sampler=name,
            steps=steps,
            metric=metric,
            **places,
        )

    def _shown(self, families: ScheduleFamilies, name: str) -> list[Row]:
        """The schedule itself."""
        from languages import Estimate

        fractions = families.revealed(name, self.shown)
        return [
            self._row(Estimate.exact(fraction, unit="ratio"), "revealed_fraction", name, self.shown, after=k)
            for k, fraction in enumerate(fractions)
        ]

    def _needed(self, families: ScheduleFamilies, name: str, uniform: dict[str, int]) -> list[Row]:
        """Steps needed for each target, and relative to uniform ones, which come first and are noted."""
        rows: list[Row] = []
        for metric, limit, law, error in (
            ("ter_increase", self.ter_increase, "path", lambda n: ter_increase(families.kl(name, n), self.length)),
            ("ser", self.ser, "marginal", lambda n: families.error(name, n)),
        ):
            if metric == "ser" and not families.knows_error(name, 1):
                continue
            target = f"{metric} <= {limit:g}"
            found = _steps(error, limit, law)
            if found is None:
                continue
            rows.append(self._row(found, "steps_needed", name, None, target=target))
            ratio = found.scaled(1 / uniform.setdefault(metric, round(found.value)))
            rows.append(self._row(dataclasses.replace(ratio, unit="ratio"), "steps_ratio", name, None, target=target))
        return rows


def _steps(error: Callable[[int], Estimate | None], limit: float, law: str) -> Estimate | None:
    """Fewest steps that meet a target; with an interval where the error has one. None where none was found."""
    from languages import Estimate
    from mdmtheory.answers.step_search import fewest_steps

    def fewest(end: str) -> int | None:
        def cost(n: int) -> float:
            if (found := error(n)) is None:
                raise LookupError(n)  # no N beyond can be evaluated either
            return float(getattr(found, end))

        try:
            return fewest_steps(cost, limit, MOST_STEPS)
        except LookupError:
            return None

    value = fewest("value")
    at = None if value is None else error(value)
    if value is None or at is None:
        return None
    if at.method == "exact":
        return Estimate.exact(value, law=law, unit="steps")
    return Estimate(value, fewest("low") or value, fewest("high") or math.inf, at.method, law, "steps")
