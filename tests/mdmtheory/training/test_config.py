"""Settings of a run: what they imply, and what is refused."""

from __future__ import annotations

import pytest

from mdmtheory.training import TrainingConfig
from mdmtheory.training.optimizer import learning_rate


@pytest.mark.parametrize(
    ("options", "culprit"),
    [
        ({}, "exactly one of steps and epochs"),
        ({"steps": 5, "epochs": 1}, "exactly one of steps and epochs"),
        ({"epochs": 1}, "data='fixed'"),
        ({"epochs": 1, "data": "fixed", "num_sequences": 100, "held_out": 50}, "num_sequences"),
        ({"steps": 0}, "steps"),
        ({"steps": 5, "kind": "gan"}, "kind must be one of mdm, ar"),
        ({"steps": 5, "size": "huge"}, "size"),
        ({"steps": 5, "learning_rate": 0.0}, "learning_rate"),
        ({"steps": 5, "learning_rate": float("nan")}, "learning_rate"),
        ({"steps": 5, "ema_decay": 1.0}, "ema_decay"),
        ({"steps": 5, "betas": (0.9, 1.0)}, "betas"),
        ({"steps": 5, "gradient_clip": -1.0}, "gradient_clip"),
        ({"steps": 5, "num_heads": 5}, "num_heads"),
        ({"steps": 5, "kind": "ar", "time_conditioned": True}, "time_conditioned"),
        ({"steps": 5, "checkpoint_every": 0}, "checkpoint_every"),
        ({"steps": 5, "time_limit_seconds": 0.0}, "time_limit_seconds"),
        ({"steps": 5, "batch_size": 0}, "batch_size"),
    ],
)
def test_bad_settings_are_named(options: dict, culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        TrainingConfig(**options)


def test_overrides_reach_the_network() -> None:
    config = TrainingConfig(steps=1, kind="ar", size="small", num_layers=1, hidden_size=24, num_heads=3)
    network = config.network(5)
    assert (network.vocab_size, network.causal, network.num_layers, network.head_size) == (5, True, 1, 8)


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    config = TrainingConfig(steps=100, learning_rate=2.0, warmup=0.1, decay="cosine")
    rates = [learning_rate(config, step, step / 100) for step in range(101)]
    assert 0 < rates[0] < 0.3
    assert rates[9] == max(rates) > 1.9
    assert rates[55] == pytest.approx(2.0 * 0.4218, abs=1e-3)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    linear = TrainingConfig(steps=100, learning_rate=2.0, warmup=5, decay="linear")
    assert [learning_rate(linear, step, step / 100) for step in (0, 4, 50, 100)] == pytest.approx([0.4, 1.92, 1.0, 0.0])
    flat = TrainingConfig(steps=100, learning_rate=2.0, warmup=0, decay="none")
    assert learning_rate(flat, 0, 0.0) == learning_rate(flat, 99, 0.99) == 2.0
