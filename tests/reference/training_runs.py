"""Training runs of a second, and what breaks them off."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch

from languages import random_ngram
from mdmtheory.training import TrainingConfig, TrainingRecord, TrainingResult, train

LANGUAGE = random_ngram(2, 4, seed=1, concentration=0.3)
SHORT = TrainingConfig(steps=20, batch_size=8, held_out=64).changed(
    size="nano", hidden_size=16, log_every=5, accelerator="cpu", ema_decay=0.9
)


class InterruptedRun(Exception):
    """What stops a run in these tests."""


def stopper(at: int) -> Callable[[TrainingRecord], None]:
    """Break off at the record of step `at`."""

    def stop(record: TrainingRecord) -> None:
        if record.step == at:
            raise InterruptedRun

    return stop


def interrupted(config: TrainingConfig, at: int, length: int = 12) -> None:
    """Train until the record of step `at`, then break off."""
    with pytest.raises(InterruptedRun):
        train(LANGUAGE, length, config, progress=stopper(at))


def same_weights(one: TrainingResult, two: TrainingResult) -> bool:
    pairs = zip(one.network.state_dict().values(), two.network.state_dict().values(), strict=True)
    return all(torch.equal(a, b) for a, b in pairs)
