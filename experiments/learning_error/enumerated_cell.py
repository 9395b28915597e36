"""The same predictions where nothing has to be estimated: a trained network on so few sequences that all are listed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from experiments.harness import Row
from experiments.learning_error.network_cell import NetworkCell


@dataclasses.dataclass(frozen=True)
class EnumeratedCell(NetworkCell):
    """Train one network on a language with few sequences; every number about it is exact.

    Attributes:
        steps: Numbers of uniform sampling steps N.
    """

    steps: tuple[int, ...]

    def run(self, workdir: Path) -> Sequence[Row]:
        """Train and enumerate."""
        from languages import Estimate
        from mdmtheory.denoisers import Oracle
        from mdmtheory.estimates.learned_sequence_error import first_order, kl_bound
        from mdmtheory.exact import enumeration
        from mdmtheory.samplers.schemes import Bernoulli

        language = self.build()
        model, oracle = self.train(language, workdir), Oracle(language)
        rows: list[Row] = []
        for n in self.steps:
            scheme = Bernoulli([1 / n] * n)
            error = enumeration.learning_error(model, language, self.length, scheme)
            sampling = enumeration.path_kl(oracle, language, self.length, scheme)
            exact = enumeration.law(oracle, self.length, scheme).sequence_error_rate(language)
            total = Estimate.exact(sampling.value + error.path_kl.value, law="path", unit="nats")
            measured = enumeration.path_kl(model, language, self.length, scheme)
            found = {
                ("kl", "oracle", "exact denoiser"): sampling,
                ("kl", "mdm", "predicted"): total,
                ("kl", "mdm", "measured"): measured,
                ("ser", "oracle", "exact denoiser"): exact,
                ("ser", "mdm", "first order"): first_order(exact, error.leak),
                ("ser", "mdm", "bound"): kl_bound(measured),
                ("ser", "mdm", "measured"): enumeration.law(model, self.length, scheme).sequence_error_rate(language),
                ("leak", "mdm", ""): error.leak,
                ("epsilon_learning_mean", "mdm", ""): error.mean,
                ("epsilon_learning_max", "mdm", ""): error.maximum,
            }
            for (metric, denoiser, source), estimate in found.items():
                rows.append(self.learning_row(estimate, metric, denoiser=denoiser, steps=n, source=source))
        return rows

    def estimated_seconds(self) -> float:
        """Training, and a few seconds of enumeration."""
        return self.training_seconds() + 5
