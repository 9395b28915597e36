"""Settings of a run: what they imply, and what is refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from mdmtheory.training import (
    AR,
    Corpus,
    DeviceConfig,
    NetworkConfig,
    OptimizerConfig,
    RunConfig,
    TrainingConfig,
)


@pytest.mark.parametrize(
    ("build", "culprit"),
    [
        (lambda: TrainingConfig(), r"exactly one of steps and corpus\.epochs"),
        (lambda: TrainingConfig(steps=5, corpus=Corpus(epochs=1)), r"exactly one of steps and corpus\.epochs"),
        (lambda: TrainingConfig(corpus=Corpus(100, epochs=1), held_out=50), "num_sequences"),
        (lambda: TrainingConfig(steps=0), "steps"),
        (lambda: TrainingConfig(steps=5, batch_size=0), "batch_size"),
        (lambda: TrainingConfig(steps=5, network="tiny"), "network must be one of the kind NetworkConfig"),
        (lambda: TrainingConfig(steps=5).changed(kind="gan"), "no setting of a run is called kind"),
        (lambda: NetworkConfig(size="huge"), "size"),
        (lambda: NetworkConfig(num_heads=5), "num_heads"),
        (lambda: OptimizerConfig(learning_rate=0.0), "learning_rate must be positive and finite, got 0.0"),
        (lambda: OptimizerConfig(learning_rate=float("nan")), "learning_rate"),
        (lambda: OptimizerConfig(learning_rate="fast"), "learning_rate"),
        (lambda: OptimizerConfig(ema_decay=1.0), "ema_decay must be at least 0 and below 1, got 1.0"),
        (lambda: OptimizerConfig(betas=(0.9, 1.0)), "betas"),
        (lambda: OptimizerConfig(betas=(0.9,)), "betas must be two numbers"),
        (lambda: OptimizerConfig(gradient_clip=-1.0), "gradient_clip"),
        (lambda: OptimizerConfig(decay="fast"), "decay must be one of cosine, linear, none"),
        (lambda: RunConfig(checkpoint_every=0), "checkpoint_every"),
        (lambda: RunConfig(time_limit_seconds=0.0), "time_limit_seconds"),
        (lambda: DeviceConfig(accelerator="tpux"), "accelerator must be one of auto, cpu, gpu, cuda"),
        (lambda: DeviceConfig(precision="8-true"), "precision must be one of auto"),
    ],
)
def test_bad_settings_are_named(build: Callable[[], object], culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        build()


def test_what_was_checked_is_what_is_stored() -> None:
    config = TrainingConfig(steps=5.0, batch_size=8).changed(betas=[0.9, 0.95], learning_rate="0.25")  # type: ignore[arg-type]
    assert (config.steps, type(config.steps)) == (5, int)
    assert (config.optimizer.betas, config.optimizer.learning_rate) == ((0.9, 0.95), 0.25)


def test_overrides_reach_the_network() -> None:
    config = TrainingConfig(steps=1, objective=AR(), network=NetworkConfig("small", 24, num_layers=1, num_heads=3))
    network = config.transformer(5)
    assert (network.vocab_size, network.causal, network.num_layers, network.head_size) == (5, True, 1, 8)


def test_settings_change_by_name_in_whichever_part_they_are() -> None:
    config = TrainingConfig(steps=1).changed(steps=2, dropout=0.1, log_every=7, accelerator="cpu", ema_decay=0.5)
    assert config == TrainingConfig(
        steps=2,
        network=NetworkConfig(dropout=0.1),
        run=RunConfig(log_every=7),
        device=DeviceConfig("cpu"),
        optimizer=OptimizerConfig(ema_decay=0.5),
    )
    assert config.changed(network=NetworkConfig("nano"), dropout=0.2).network == NetworkConfig("nano", dropout=0.2)


def test_the_learning_rate_rises_then_falls_to_zero() -> None:
    cosine = OptimizerConfig(learning_rate=2.0, warmup=0.1, decay="cosine")
    rates = [cosine.rate(step, step / 100, 100) for step in range(101)]
    assert 0 < rates[0] < 0.3
    assert rates[9] == max(rates) > 1.9
    assert rates[55] == pytest.approx(2.0 * 0.4218, abs=1e-3)
    assert rates[100] == pytest.approx(0, abs=1e-9)
    linear = OptimizerConfig(learning_rate=2.0, warmup=5, decay="linear")
    assert [linear.rate(step, step / 100, 100) for step in (0, 4, 50, 100)] == pytest.approx([0.4, 1.92, 1.0, 0.0])
    flat = OptimizerConfig(learning_rate=2.0, warmup=0, decay="none")
    assert flat.rate(0, 0.0, 100) == flat.rate(99, 0.99, 100) == 2.0
