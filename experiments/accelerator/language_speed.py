"""Section 3. Languages: sampling, posteriors and log-probabilities, on the device and on the machine's CPU."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.accelerator.clock import limits, rate, seconds_of, seeded
from experiments.accelerator.section import SectionCell
from experiments.harness import Row
from experiments.shared.language_cell import describe_size

if TYPE_CHECKING:
    from languages import Estimate

VOCAB_SIZE = 8
TOKEN_BYTES = 8
POSTERIOR = "posterior, float32"


@dataclasses.dataclass(frozen=True, kw_only=True)
class LanguageSpeedCell(SectionCell):
    """Tokens a second of one language.

    Attributes:
        language: Its specification; nothing is pruned, so that every state counts.
        length: L.
    """

    section = 3
    seconds_full = 8.0
    seconds_small = 2.0
    language: str
    length: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Measure on the device, then on the CPU; `workdir` is not needed."""
        from languages import Estimate

        rows: list[Row] = []
        speeds: dict[str, dict[str, Estimate]] = {}
        for device in dict.fromkeys((self.device, "cpu")):
            speeds[device] = self._speeds(device)
        for task, speed in speeds[self.device].items():
            places = {"language": self.language, "length": self.length}
            count = self._batches(self.device)[task != POSTERIOR]
            what = f"{task}, {count} rows"
            rows.append(self.row(speed, "tokens_per_second", what, **places))
            # What has to move at least: tokens in or out, and the laws that come out.
            least = TOKEN_BYTES + 4 * VOCAB_SIZE * (task == POSTERIOR)
            share = Estimate.measured([least * speed.value / limits(self.device).copy.value], unit="ratio")
            rows.append(self.row(share, "share_of_copy", what, **places))
            if self.device != "cpu":
                here = speeds["cpu"][task]
                rows.append(self.row(here, "tokens_per_second_cpu", what, **places))
                gain = Estimate.measured([speed.value / here.value], unit="ratio")
                rows.append(self.row(gain, "speed_over_cpu", what, **places))
        return rows

    def _batches(self, device: str) -> tuple[int, int]:
        """Rows for posteriors, and for the rest: on a device as many as fill it, 2²⁸ states or so at all positions."""
        states = max(16, describe_size(self.language))
        if self.small:
            return 4, 4
        if device == "cpu":
            return (64 if states > 64 else 256,) * 2
        return min(1 << 15, (1 << 28) // (states * self.length)), 1 << 17

    def _speeds(self, device: str) -> dict[str, Estimate]:
        import torch

        from languages import LanguageSpec

        rows, wide = self._batches(device)
        language = LanguageSpec.parse(self.language).having(prune=0.0).build().to(device)
        generator = seeded(device)
        tokens = language.sample(rows, self.length, generator=generator)
        holes = torch.rand(tokens.shape, generator=generator, device=device) < 0.5
        half = tokens.masked_fill(holes, language.mask_id)
        many = language.sample(wide, self.length, generator=generator)
        tasks: dict[str, tuple[Callable[[], object], int]] = {
            "sampling": (lambda: language.sample(wide, self.length, generator=generator), wide),
            POSTERIOR: (lambda: language.posterior(half, dtype=torch.float32), rows),
            "log-probability": (lambda: language.log_prob(many), wide),
        }
        return {
            task: rate(count * self.length, seconds_of(call, device, repeats=1 if self.small else 3), "tokens/second")
            for task, (call, count) in tasks.items()
        }
