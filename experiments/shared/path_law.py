"""The language itself and the path law of its uniform schedules: exact where a formula is known, else estimated."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.harness import Row
from experiments.shared.language_cell import LanguageCell, describe_size, step_bytes

if TYPE_CHECKING:
    from languages import Estimate, Language


@dataclasses.dataclass(frozen=True)
class PathCell(LanguageCell):
    """TER of the truth, and path KL and TER increase of the exact denoiser at every number of steps.

    Attributes:
        steps: Numbers of uniform steps N.
        sequences: Sequences for what has to be estimated.
    """

    steps: tuple[int, ...]
    sequences: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Entropy, support and the path law; `workdir` is not needed."""
        language = self.build()
        entropy, rows = truth(self, language)
        for num_steps, kl in path_kls(language, self.length, self.steps, self.sequences, self.seed).items():
            places = {"denoiser": "oracle", "sampler": "uniform", "steps": num_steps}
            rows.append(self.row(kl, "kl", **places))
            rows.append(self.row(ter_increase(kl, self.length), "ter_increase", **places))
            if entropy.method == kl.method == "exact":
                log_ter = kl.shifted(entropy.value).scaled(1 / self.length)
                rows.append(self.row(log_ter.mapped(math.exp, unit="ratio"), "ter", **places))
        return rows

    def estimated_seconds(self) -> float:
        """Seconds on one core of a laptop."""
        size = describe_size(self.language)
        read = 1e-7 * (sum(self.steps) + self.length)
        return 2.0 + read if size == 1 else 2.0 + read + self.sequences * 25 * self.length * (8e-6 + 55e-9 * size)

    def estimated_bytes(self) -> float:
        """Memory of torch and of one chunk of forward–backward."""
        return 0.4e9 + 4 * 8 * 2**24 + step_bytes(self.steps)


def truth(cell: LanguageCell, language: Language) -> tuple[Estimate, list[Row]]:
    """Entropy of the language (nats for the whole sequence), and rows: TER of the truth and support density."""
    from languages import Estimate
    from mdmtheory.estimates import estimate_generative_log_ter

    generator = cell.generator()
    try:
        entropy = Estimate.exact(language.entropy(cell.length), unit="nats")
    except NotImplementedError:
        entropy = language.estimate_entropy(cell.length, generator=generator)
    ter = entropy.scaled(1 / cell.length).mapped(math.exp, unit="ratio")
    samples = language.sample(4096, cell.length, generator=generator)
    generative = estimate_generative_log_ter(language, samples).mapped(math.exp, unit="ratio")
    rows = [cell.row(ter, "ter", denoiser="truth"), cell.row(generative, "ter", denoiser="truth")]
    try:
        density = Estimate.exact(language.support_density(cell.length), unit="ratio")
        rows.append(cell.row(density, "support_density", denoiser="truth"))
    except ValueError:
        pass  # the determinised support is too large to count: the row is left out, nothing else needs it
    return entropy, rows


def path_kls(language: Language, length: int, steps: Sequence[int], sequences: int, seed: int) -> dict[int, Estimate]:
    """Path KL (nats) of the exact denoiser on uniform grids; exact for first-order chains, else estimated.

    The same arguments give the same numbers in every cell.
    """
    import torch

    from languages.information import InformationLaw, estimate_information_curve, information_curve
    from mdmtheory.diffusion.schedules import uniform_reveal
    from mdmtheory.exact import path

    curve: InformationLaw
    if path.has_exact_curve(language):
        curve = information_curve(language, length)
    else:
        generator = torch.Generator(device=language.device).manual_seed(seed)
        curve = estimate_information_curve(language, length, num_sequences=sequences, generator=generator)
    return {n: curve.path_kl(uniform_reveal(n)) for n in steps}


def ter_increase(kl: Estimate, length: int) -> Estimate:
    """TER(p)/TER(q) − 1 from KL(q‖p) in nats: log TER(p) − log TER(q) = KL / L."""
    return kl.scaled(1 / length).mapped(math.expm1, unit="ratio")
