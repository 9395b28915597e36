"""The experiment: its cells in order of worth, on the device that is here."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Sequence
from typing import Any

from experiments.accelerator.config import PRESETS, SMOKE, Config
from experiments.accelerator.exact_numbers import SequenceErrorsCell
from experiments.accelerator.generation import AutoregressiveCell, LargestBatchCell, MdmCell
from experiments.accelerator.gpu_tests import GpuTestsCell
from experiments.accelerator.language_speed import LanguageSpeedCell
from experiments.accelerator.machine import MachineCell
from experiments.accelerator.report import page, report
from experiments.accelerator.section import SectionCell
from experiments.accelerator.study import ExactCell, TrainedCell, TrainingCell
from experiments.accelerator.training_steps import TrainingStepsCell
from experiments.harness import Cell, Experiment

LENGTHS = (256, 512, 1024, 2048, 4096, 8192)
"""The lengths of the published table of generation times."""
STUDY_STEPS = (64, 128, 256, 512, 1024, 2048)
GPT2 = 50_257


def fitted(config: Config) -> Config:
    """Without an accelerator, the small version of the same sections on the CPU; says so on standard error."""
    import torch

    if config.device != "cuda" or torch.cuda.is_available():
        return config
    print(
        "no accelerator here (torch sees no CUDA device): a small version of every section runs on the CPU, "
        "and its speeds mean nothing",
        file=sys.stderr,
    )
    return dataclasses.replace(SMOKE, sections=config.sections, seed=config.seed)


def cells(config: Config) -> Sequence[Cell]:
    """What tells most first, from every section; then the rest, section by section."""
    from experiments.harness.provenance import device_name

    # A dry run may plan for a device that is not here.
    try:
        name = device_name(config.device)
    except (AssertionError, RuntimeError):
        name = config.device
    common: dict[str, Any] = {"device": config.device, "device_name": name, "small": config.small}
    found = small_cells(config, common) if config.small else full_cells(config, common)
    return [cell for cell in found if cell.section in config.sections]


def full_cells(config: Config, common: dict[str, Any]) -> list[SectionCell]:
    """The cells of an accelerator."""
    languages = [
        LanguageSpeedCell(**common, language=language, length=512, limit=30.0)
        for language in ("hmm:states=16", "2-gram", "4-gram", "hmm:states=512", "hmm:states=64")
    ]
    steps = [
        TrainingStepsCell(**common, size=size, vocab_size=vocab, length=length, batch=batch, backend=backend)
        for size, vocab, length, batch in (("small", GPT2, 1024, 32), ("1b", GPT2, 1024, 8), ("base", 8, 256, 512))
        for backend in ("inductor", "")
    ]
    ar = AutoregressiveCell(**common, size="small", length=LENGTHS[-1], batch=1, marks=LENGTHS)
    mdm = {
        (length, n): MdmCell(**common, size="small", length=length, batch=1, steps=n)
        for n in (512, 64)
        for length in LENGTHS
    }
    latency: dict[str, Any] = {**common, "size": "latency-study", "length": 1024}
    one = [
        MdmCell(**latency, batch=1, steps=64),
        AutoregressiveCell(**latency, batch=1, marks=(256, 1024)),
    ]
    sixteen = [
        MdmCell(**latency, batch=16, steps=64),
        AutoregressiveCell(**latency, batch=16, marks=(256, 1024)),
    ]
    largest = [LargestBatchCell(**latency, batch=0, causal=causal, steps=64) for causal in (False, True)]
    studies = {language: study(config, common, language) for language in ("2-gram", "3-gram", "hmm", "4-gram")}
    first = [
        MachineCell(**common),
        GpuTestsCell(**common, limit=120.0),
        *languages[:3],
        SequenceErrorsCell(**common, table=True, length=128, steps=128),
        SequenceErrorsCell(**common, table=False, length=512, steps=64),
        *steps[:2],
        *(mdm[length, 512] for length in (256, 1024, 8192)),
        ar,
        *one,
        *studies["2-gram"],
    ]
    rest = [
        *languages[3:],
        *steps[2:],
        *largest,
        *(mdm[length, n] for length, n in ((256, 64), (1024, 64), (8192, 64))),
        *sixteen,
        *mdm.values(),
        *studies["3-gram"],
        *studies["hmm"],
        *studies["4-gram"],
    ]
    return list(dict.fromkeys([*first, *rest]))


def study(config: Config, common: dict[str, Any], language: str) -> list[SectionCell]:
    """Exact numbers of a language, then a network, then its errors."""
    place: dict[str, Any] = {**common, "language": language}
    place["length"], steps = (16, (4, 16)) if config.small else (256, STUDY_STEPS)
    network: dict[str, Any] = {**place, "training_seconds": config.training_seconds}
    return [
        ExactCell(**place, steps=steps),
        TrainingCell(**network, limit=config.training_seconds + 60.0),
        *(TrainedCell(**network, steps=n) for n in steps),
    ]


def small_cells(config: Config, common: dict[str, Any]) -> list[SectionCell]:
    """One cell of every kind, at sizes that take a second."""
    tiny: dict[str, Any] = {**common, "size": "nano", "length": 16, "batch": 2}
    return [
        MachineCell(**common),
        GpuTestsCell(**common),
        LanguageSpeedCell(**common, language="2-gram", length=16),
        SequenceErrorsCell(**common, table=True, length=12, steps=4),
        SequenceErrorsCell(**common, table=False, length=12, steps=4),
        TrainingStepsCell(**tiny, vocab_size=8, backend="", steps=1),
        TrainingStepsCell(**tiny, vocab_size=8, backend="aot_eager", steps=1),
        AutoregressiveCell(**tiny, marks=(8, 16)),
        MdmCell(**tiny, steps=4),
        MdmCell(**{**tiny, "size": "latency-study"}, steps=4),
        *(LargestBatchCell(**tiny, causal=causal, steps=4) for causal in (False, True)),
        *study(config, common, "2-gram"),
    ]


EXPERIMENT = Experiment(
    name="accelerator",
    description="Everything that only an accelerator can tell: tests, speeds, memory and the study itself, in minutes.",
    presets=PRESETS,
    cells=cells,
    table=report,
    fitted=fitted,
    time_limit=lambda config: 60.0 * config.minutes,
    page=page,
)
