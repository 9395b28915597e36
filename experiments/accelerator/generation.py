"""Section 6. Generating text with random weights: an MDM at several N, a cached autoregressive network.

Speed does not depend on what the weights say, so fresh ones serve, in bfloat16, V = 50,257. Networks run eagerly, one
kernel at a time; small ones wait for the host, and `share_of_copy` says how far the autoregressive one is from
reading its weights at the speed of a copy.
"""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from experiments.accelerator.clock import fresh_meter, limits, peak_memory, seeded, wait
from experiments.accelerator.section import SectionCell
from experiments.harness import Row

if TYPE_CHECKING:
    import torch

    from mdmtheory.denoisers import NetworkDenoiser
    from mdmtheory.networks import CausalLanguageModel, TransformerConfig

VOCAB_SIZE = 50_257
MOST_ROWS_TRIED = 1 << 16
"""Rows at which the search for the largest batch ends: no network of use fits so many."""
LATENCY_STUDY = (2048, 24, 32)
"""Width, depth and heads of both models in 2406.11473, table 7: SEDD with 1.45 B parameters and GPT-2 with 1.3 B."""


def network_shape(size: str, *, causal: bool, small: bool) -> TransformerConfig:
    """The shape of a network here: a named size, or "latency-study", whose MDM reads the time.

    The study's GPT-2 shares its head with its embedding; ours does not, which changes the number of parameters
    (1.41 B) and no operation.
    """
    from mdmtheory.networks import TransformerConfig, transformer_config

    vocabulary = 97 if small else VOCAB_SIZE
    if size != "latency-study":
        return transformer_config("nano" if small else size, vocabulary, causal=causal)
    width, depth, heads = (32, 3, 2) if small else LATENCY_STUDY
    return TransformerConfig(vocabulary, width, depth, heads, causal=causal, time_conditioned=not causal)


def make_network(size: str, *, causal: bool, small: bool, device: str) -> Any:
    """A denoiser or a causal language model with random weights in bfloat16 on a device."""
    import torch

    from mdmtheory.denoisers import NetworkDenoiser
    from mdmtheory.networks import CausalLanguageModel, Transformer

    torch.manual_seed(0)
    with torch.device(device):
        network = Transformer(network_shape(size, causal=causal, small=small)).bfloat16()
    return CausalLanguageModel(network) if causal else NetworkDenoiser(network)


def weights_of(model: NetworkDenoiser | CausalLanguageModel) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in model.network.parameters())


@dataclasses.dataclass(frozen=True, kw_only=True)
class GenerationCell(SectionCell):
    """One model, generating.

    Attributes:
        size: A named size, or "latency-study".
        length: L.
        batch: Rows at once.
    """

    section = 6
    size: str
    length: int
    batch: int

    def places(self, denoiser: str, sampler: str, steps: int | None) -> dict[str, Any]:
        """Where the rows of this cell belong."""
        what = f"{self.size}, batch {self.batch}"
        return {"what": what, "denoiser": denoiser, "sampler": sampler, "steps": steps}


@dataclasses.dataclass(frozen=True, kw_only=True)
class MdmCell(GenerationCell):
    """Seconds of a masked diffusion model with N uniform steps.

    Attributes:
        steps: N.
    """

    steps: int

    def estimated_seconds(self) -> float:
        """Start-up, and steps that wait for the host."""
        return 1.0 if self.small else 3.0 + 8e-3 * self.steps

    def run(self, workdir: Path) -> Sequence[Row]:
        """Generate once to warm up with few steps, then for good; `workdir` is not needed."""
        from languages import Estimate
        from mdmtheory.diffusion.schedules import uniform_reveal
        from mdmtheory.samplers import plans, sample

        model = make_network(self.size, causal=False, small=self.small, device=self.device)
        fresh_meter(self.device)
        generator = seeded(self.device)

        def generate(steps: int) -> torch.Tensor:
            plan = plans.bernoulli(uniform_reveal(steps), self.batch, self.length, generator=generator)
            return sample(model, plan).network_calls

        generate(4)
        wait(self.device)
        started = time.perf_counter()
        calls = generate(self.steps)
        wait(self.device)
        seconds = time.perf_counter() - started
        places = {**self.places("mdm", "uniform", self.steps), "length": self.length}
        rows = [
            self.row(Estimate.measured([seconds], unit="seconds"), "seconds", **places),
            self.row(Estimate.measured(calls.double().cpu(), unit="calls"), "network_calls", **places),
            self.row(Estimate.exact(weights_of(model), unit="parameters"), "parameters", **places),
        ]
        memory = peak_memory(self.device)
        return rows if memory is None else [*rows, self.row(memory, "peak_memory", **places)]


@dataclasses.dataclass(frozen=True, kw_only=True)
class AutoregressiveCell(GenerationCell):
    """Seconds of an autoregressive model with its key–value cache; one run gives every length on the way.

    Attributes:
        marks: Lengths L at which the clock is read; the last is the length of the run.
    """

    marks: tuple[int, ...]

    def estimated_seconds(self) -> float:
        """Start-up, and tokens that wait for the host."""
        return 1.0 if self.small else 3.0 + 4e-3 * self.length

    def run(self, workdir: Path) -> Sequence[Row]:
        """Generate a few tokens to warm up, then all; `workdir` is not needed."""
        from languages import Estimate
        from mdmtheory.samplers import sample_autoregressive

        model = make_network(self.size, causal=True, small=self.small, device=self.device)
        fresh_meter(self.device)
        generator = seeded(self.device)
        sample_autoregressive(model, self.batch, 8, generator=generator)
        clocked = Clocked(model, self.device, self.marks)
        sample_autoregressive(clocked, self.batch, self.length, generator=generator)
        rows: list[Row] = []
        for length, seconds in clocked.seconds():
            places = {**self.places("ar", "left-to-right, cached", length), "length": length}
            rows.append(self.row(Estimate.measured([seconds], unit="seconds"), "seconds", **places))
        weights = weights_of(model)
        rows.append(self.row(Estimate.exact(weights, unit="parameters"), "parameters", **places))
        # The least to move for a token: every weight once, two bytes each.
        share = 2 * weights * length / seconds / limits(self.device).copy.value
        rows.append(self.row(Estimate.measured([share], unit="ratio"), "share_of_copy", **places))
        memory = peak_memory(self.device)
        return rows if memory is None else [*rows, self.row(memory, "peak_memory", **places)]


class Clocked:
    """A causal model that reads the clock when so many tokens are drawn."""

    def __init__(self, model: CausalLanguageModel, device: str, marks: Sequence[int]) -> None:
        self.vocab_size, self.device, self.next_log_probs = model.vocab_size, model.device, model.next_log_probs
        self._model, self._on, self._marks = model, device, marks
        self._readings: list[float] = []

    def decoder(self, batch: int, length: int) -> Clocked:
        """Start the clock with a decoder of the model."""
        self._decoder, self._calls = self._model.decoder(batch, length), 0
        wait(self._on)
        self._started = time.perf_counter()
        return self

    def advance(self, tokens: torch.Tensor) -> torch.Tensor:
        """Read the clock if the tokens before this call are as many as a mark."""
        if self._calls in self._marks:
            self._read()
        self._calls += 1
        return self._decoder.advance(tokens)

    def seconds(self) -> Iterator[tuple[int, float]]:
        """Marks and seconds since the start; called when the run is over."""
        self._read()
        yield from zip(sorted(self._marks), self._readings, strict=True)

    def _read(self) -> None:
        wait(self._on)
        self._readings.append(time.perf_counter() - self._started)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LargestBatchCell(GenerationCell):
    """The most rows that fit into the device's memory: a doubling search over single steps, then halves between.

    Attributes:
        causal: The autoregressive model, whose cache is full, instead of the MDM.
        steps: N of the MDM: a step reveals L/N positions of a row.
    """

    seconds_full = 8.0
    causal: bool
    steps: int

    def run(self, workdir: Path) -> Sequence[Row]:
        """Try one step at growing batches; `workdir` is not needed."""
        import torch

        from languages import Estimate

        model = make_network(self.size, causal=self.causal, small=self.small, device=self.device)
        step = self._decode if self.causal else self._denoise
        if not self.device.startswith("cuda"):  # nothing runs out here; show that a step runs
            step(model, 2)
            return []
        fits, fails = 0, math.inf
        while fits < MOST_ROWS_TRIED and fails - fits > max(1, fits // 16):
            rows = 2 * fits or 1 if math.isinf(fails) else int(fits + fails) // 2
            try:
                step(model, rows)
                fits = rows
            except torch.cuda.OutOfMemoryError:
                fails = rows
            torch.cuda.empty_cache()
        denoiser, sampler = ("ar", "left-to-right, cached") if self.causal else ("mdm", "uniform")
        places = {**self.places(denoiser, sampler, None if self.causal else self.steps), "length": self.length}
        places["what"] = f"{self.size}, all memory"
        return [self.row(Estimate(fits, fits, fails, "measured", unit="rows"), "largest_batch", **places)]

    def _denoise(self, model: NetworkDenoiser, rows: int) -> None:
        import torch

        tokens = torch.full((rows, self.length), model.mask_id, device=self.device)
        at = torch.zeros_like(tokens, dtype=torch.bool)
        at[:, : max(1, self.length // self.steps)] = True
        model(tokens, torch.ones(rows, device=self.device, dtype=torch.float64), at)

    def _decode(self, model: CausalLanguageModel, rows: int) -> None:
        import torch

        decoder = model.decoder(rows, self.length)
        decoder.advance(torch.zeros(rows, 0, dtype=torch.int64, device=self.device))  # reserves the whole cache
        decoder.advance(torch.zeros(rows, 1, dtype=torch.int64, device=self.device))
