"""Section 5. Training steps in bfloat16: tokens a second, model FLOP utilisation and peak memory."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from experiments.accelerator.clock import fresh_meter, limits, peak_memory, rate, seconds_of, seeded
from experiments.accelerator.section import SectionCell
from experiments.harness import Row

if TYPE_CHECKING:
    from mdmtheory.training import TrainingConfig

MASKED_SHARE = 0.5
"""Hidden positions of a batch on average: the number of masks is uniform on 1 … L (skew 1)."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class TrainingStepsCell(SectionCell):
    """Steps of an MDM on random tokens: forward, backward, clipping, AdamW, weight average.

    Attributes:
        size: Named size of the network.
        vocab_size: V.
        length: L.
        batch: B.
        backend: torch.compile's, "inductor" or "aot_eager"; empty for none.
        steps: Steps a reading.
    """

    section = 5
    seconds_full = 12.0
    seconds_small = 3.0
    size: str
    vocab_size: int
    length: int
    batch: int
    backend: str
    steps: int = 5

    def run(self, workdir: Path) -> Sequence[Row]:
        """Step and measure; `workdir` is not needed."""
        import torch

        from languages import Estimate
        from mdmtheory.networks.operations import BACKWARD, forward_operations
        from mdmtheory.training.engine import make_engine

        config = self._config()
        network = config.transformer(self.vocab_size)
        limit = limits(self.device).product.high  # before the meter of memory starts
        limits.cache_clear()
        fresh_meter(self.device)
        generator = seeded(self.device)
        tokens = torch.randint(self.vocab_size, (self.batch, self.length), generator=generator, device=self.device)
        engine = make_engine(config, network)
        engine.call.train()

        def step() -> None:
            loss = config.objective.losses(engine.call, tokens, self.vocab_size, generator).mean()
            engine.step(loss, config.optimizer.learning_rate, config.optimizer.gradient_clip)

        started = time.perf_counter()
        first = seconds_of(step, self.device, repeats=1, warm_up=0)
        found = seconds_of(step, self.device, repeats=2 if self.small else 5, calls=self.steps, warm_up=2)
        what = f"{self.size}, {self.backend or 'eager'}, batch {self.batch}"
        places = {"length": self.length, "denoiser": "mdm", "language": f"random tokens, V={self.vocab_size}"}
        speed = rate(self.batch * self.length, found, "tokens/second")
        wanted = round(MASKED_SHARE * self.batch * self.length)
        operations = (1 + BACKWARD) * forward_operations(network, self.batch, self.length, wanted=wanted)
        done = rate(operations, found, "operations/second")
        use = dataclasses.replace(done.scaled(1 / limit), unit="ratio")
        weights = sum(parameter.numel() for parameter in engine.model.parameters())
        rows = [
            self.row(speed, "tokens_per_second", what, **places),
            self.row(use, "flop_utilisation", what, **places),
            self.row(first, "first_step_seconds", what, **places),
            self.row(Estimate.exact(weights, unit="parameters"), "parameters", what, **places),
        ]
        memory = peak_memory(self.device)
        if memory is not None:
            rows.append(self.row(memory, "peak_memory", what, **places))
        whole = Estimate.measured([time.perf_counter() - started], unit="seconds")
        return [*rows, self.row(whole, "seconds", what, **places)]

    def _config(self) -> TrainingConfig:
        from mdmtheory.training import MDM, DeviceConfig, NetworkConfig, TrainingConfig

        return TrainingConfig(
            steps=1,
            objective=MDM(skew=1.0),
            batch_size=self.batch,
            held_out=0,
            network=NetworkConfig(self.size),
            device=DeviceConfig(
                accelerator="cpu" if self.device == "cpu" else "cuda",
                precision="bf16-mixed",
                compile=self.backend or None,
            ),
        )
