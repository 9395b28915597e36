"""Training: it learns, it resumes bit for bit, and it fails loudly and harmlessly."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from languages import random_hmm, random_ngram
from mdmtheory.networks import CausalLanguageModel, MaskedNetwork
from mdmtheory.training import AR, MDM, SEDD, Corpus, Objective, TrainingConfig, TrainingRecord, TrainingResult, train
from mdmtheory.training.checkpoints import FILE_NAME

LANGUAGE = random_ngram(2, 4, seed=1, concentration=0.3)
SHORT = TrainingConfig(steps=20, batch_size=8, held_out=64).changed(
    size="nano", hidden_size=16, log_every=5, accelerator="cpu", ema_decay=0.9
)
UNIFORM_NOISE = {"objective": SEDD(noise="uniform", parametrisation="leave-one-out", schedule="geometric")}


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


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"objective": AR()},
        {"objective": MDM(skew=None, time="fraction"), "dropout": 0.1},
        {"steps": None, "corpus": Corpus(104, epochs=4)},
    ],
    ids=["mdm", "ar", "conditioned with dropout", "fixed corpus"],
)
def test_a_resumed_run_ends_bit_for_bit_where_an_uninterrupted_one_does(options: dict, tmp_path: Path) -> None:
    config = SHORT.changed(**options)
    whole = train(LANGUAGE, 12, config)
    saving = config.changed(checkpoint_dir=str(tmp_path), checkpoint_every=5)
    interrupted(saving, at=10)
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]
    resumed = train(LANGUAGE, 12, saving)
    assert same_weights(resumed, whole)
    assert resumed.steps == whole.steps == 20
    assert [r.loss for r in resumed.history] == [r.loss for r in whole.history]
    assert resumed.held_out == whole.held_out
    again = train(LANGUAGE, 12, saving, progress=lambda record: pytest.fail("a finished run trains no more"))
    assert same_weights(again, whole)


def test_model_average_and_optimizer_come_back_bit_for_bit(tmp_path: Path) -> None:
    from mdmtheory.training.checkpoints import Progress, load_checkpoint, save_checkpoint
    from mdmtheory.training.engine import make_engine

    shape = SHORT.transformer(4)
    one, two = make_engine(SHORT, shape), make_engine(SHORT.changed(seed=1), shape)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        tokens = torch.randint(0, 5, (4, 6), generator=generator)
        one.step(one.call(tokens).square().mean() + one.call(tokens).sum(), 0.01, 1.0)
    progress = Progress(3, 1.5, ({"step": 3},))
    save_checkpoint(tmp_path / "c.safetensors", {"a": 1}, progress, one.model, one.ema, one.optimizer)
    assert load_checkpoint(tmp_path / "c.safetensors", {"a": 1}, two.model, two.ema, two.optimizer) == progress
    for name, value in one.model.state_dict().items():
        assert torch.equal(two.model.state_dict()[name], value)
        assert torch.equal(two.ema.average[name], one.ema.average[name])
    assert any(not torch.equal(one.ema.average[name], value) for name, value in one.model.state_dict().items())
    assert two.ema.updates == 3
    mine, theirs = one.optimizer.state_dict()["state"], two.optimizer.state_dict()["state"]
    assert mine.keys() == theirs.keys()
    for parameter in mine:
        for key in ("step", "exp_avg", "exp_avg_sq"):
            assert torch.equal(mine[parameter][key], theirs[parameter][key])
    with pytest.raises(ValueError, match=r"c\.safetensors belongs to another run: its a is 1"):
        load_checkpoint(tmp_path / "c.safetensors", {"a": 2}, two.model, two.ema, two.optimizer)


@pytest.mark.parametrize("damage", ["truncate", "flip", "text"])
def test_a_damaged_checkpoint_is_named_and_kept(damage: str, tmp_path: Path) -> None:
    config = SHORT.changed(steps=5, checkpoint_dir=str(tmp_path))
    train(LANGUAGE, 12, config)
    path = tmp_path / FILE_NAME
    content = bytearray(path.read_bytes())
    if damage == "flip":
        content[-500] ^= 1
    path.write_bytes({"truncate": content[:-10], "flip": content, "text": b"nothing"}[damage])
    before = path.read_bytes()
    with pytest.raises(ValueError, match=FILE_NAME):
        train(LANGUAGE, 12, config)
    assert path.read_bytes() == before


def test_a_checkpoint_of_another_run_is_refused(tmp_path: Path) -> None:
    config = SHORT.changed(steps=5, checkpoint_dir=str(tmp_path))
    train(LANGUAGE, 12, config)
    with pytest.raises(ValueError, match=r"another run: its learning_rate is 0.003, this run's is 0.01"):
        train(LANGUAGE, 12, config.changed(learning_rate=0.01))
    with pytest.raises(ValueError, match="another run: its length"):
        train(LANGUAGE, 13, config)
    with pytest.raises(ValueError, match="another run: its language"):
        train(random_ngram(2, 4, seed=4, concentration=0.3), 12, config)


@pytest.mark.skipif(not hasattr(os, "geteuid"), reason="needs POSIX permissions")
def test_a_folder_that_cannot_be_written_to_is_named_before_any_work(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    config = SHORT.changed(checkpoint_dir=str(tmp_path / "file" / "below"))
    with pytest.raises(ValueError, match="below cannot be written to"):
        train(LANGUAGE, 12, config)


def test_the_result_depends_on_the_seed_alone() -> None:
    state = torch.random.get_rng_state()
    one = train(LANGUAGE, 12, SHORT.changed(dropout=0.1))
    assert torch.equal(torch.random.get_rng_state(), state)
    torch.rand(7)
    assert same_weights(one, train(LANGUAGE, 12, SHORT.changed(dropout=0.1)))
    assert not same_weights(one, train(LANGUAGE, 12, SHORT.changed(dropout=0.1, seed=1)))


def test_a_time_limit_stops_with_the_learning_rate_at_zero() -> None:
    config = SHORT.changed(steps=1_000_000, time_limit_seconds=1.0, held_out=0)
    result = train(LANGUAGE, 12, config)
    assert 1 < result.steps < 10_000
    assert 1 <= result.seconds < 10
    assert result.history[-1].learning_rate < 0.2 * config.optimizer.learning_rate
    assert result.held_out is None


def test_a_loss_that_is_not_finite_is_an_error() -> None:
    config = SHORT.changed(learning_rate=1e30, warmup=0.0, gradient_clip=None, decay="none")
    with pytest.raises(FloatingPointError, match="learning_rate"):
        train(LANGUAGE, 12, config)


@pytest.mark.parametrize("objective", [MDM(), AR()], ids=["mdm", "ar"])
def test_a_small_network_learns_a_2_gram(objective: Objective) -> None:
    config = SHORT.changed(
        objective=objective, steps=400, batch_size=32, size="nano", hidden_size=None, rotary_base=30.0,
        learning_rate=5e-3, held_out=1024,
    )  # fmt: skip
    result = train(LANGUAGE, 12, config)
    tokens = LANGUAGE.sample(20_000, 12, generator=torch.Generator().manual_seed(0))
    frequencies = tokens.flatten().bincount().double() / tokens.numel()
    unigram = -float((frequencies * frequencies.log()).sum())
    assert result.optimum == pytest.approx(LANGUAGE.entropy(12) / 12)
    assert result.gap is not None
    # The network must close four fifths of the way from the unigram loss to the entropy, beyond its interval.
    assert unigram - result.optimum > 0.5
    assert result.gap.high < 0.2 * (unigram - result.optimum)
    assert result.gap.high > 0  # nobody beats the entropy
    assert isinstance(result.model, MaskedNetwork if objective == MDM() else CausalLanguageModel)
    assert "gap=" in repr(result)


def test_languages_without_an_exact_entropy_get_an_estimate() -> None:
    language = random_hmm(3, 4, seed=0)
    result = train(language, 8, SHORT.changed(steps=2))
    estimate = language.estimate_entropy(8, num_sequences=20_000, generator=torch.Generator().manual_seed(5))
    assert result.optimum == pytest.approx(estimate.value / 8, abs=0.05)
    assert train(language, 8, SHORT.changed(steps=2), optimum=0.5).optimum == 0.5


def test_the_bar_shows_loss_gap_and_speed(capfd: pytest.CaptureFixture[str]) -> None:
    train(LANGUAGE, 12, SHORT, progress=True)
    shown = capfd.readouterr().err
    assert "loss" in shown
    assert "gap" in shown
    assert "tokens/s" in shown
    train(LANGUAGE, 12, SHORT)
    assert capfd.readouterr().err == ""


@pytest.mark.filterwarnings("ignore:The .grad attribute")  # torch's own, while it traces
def test_compiled_blocks_learn_the_same() -> None:
    """The backend that traces and differentiates but generates no code: its steps are the eager ones."""
    eager = train(LANGUAGE, 12, SHORT)
    compiled = train(LANGUAGE, 12, SHORT.changed(compile="aot_eager"))
    losses = [[record.loss for record in run.history] for run in (eager, compiled)]
    assert losses[1] == pytest.approx(losses[0], abs=1e-4)
    assert set(eager.network.state_dict()) == set(compiled.network.state_dict())


@pytest.mark.gpu
@pytest.mark.filterwarnings("ignore:The .grad attribute", "ignore:.*TensorFloat32")  # torch's own, while it compiles
@pytest.mark.parametrize("options", [{}, {"compile": "inductor", "num_layers": 3}, {"objective": AR()}, UNIFORM_NOISE],
                         ids=["mdm", "compiled", "ar", "uniform noise"])  # fmt: skip
def test_a_gpu_learns_in_bfloat16(options: dict, tmp_path: Path) -> None:
    """A 2-gram of 4 symbols in 400 steps; where it starts, the gap is about 0.4 nats a token."""
    config = SHORT.changed(
        steps=400, batch_size=64, size="tiny", hidden_size=None, accelerator="cuda", learning_rate=4e-3,
        local_start=True, rotary_base=30.0, checkpoint_dir=str(tmp_path), **options,
    )  # fmt: skip
    result = train(LANGUAGE.to("cuda"), 32, config)
    assert result.network.embedding.weight.is_cuda
    assert result.network.embedding.weight.dtype == torch.float32
    assert result.gap is not None
    assert result.gap.value < (0.3 if options == UNIFORM_NOISE else 0.05)
    again = train(LANGUAGE.to("cuda"), 32, config)  # from the checkpoint, so without a step
    assert same_weights(result, again)


@pytest.mark.gpu
def test_a_resumed_run_on_a_gpu_goes_on_with_the_same_losses(tmp_path: Path) -> None:
    """In float32 up to the order of atomic sums."""
    config = SHORT.changed(accelerator="cuda", precision="32-true")
    whole = train(LANGUAGE.to("cuda"), 12, config)
    saving = config.changed(checkpoint_dir=str(tmp_path), checkpoint_every=5)
    with pytest.raises(InterruptedRun):
        train(LANGUAGE.to("cuda"), 12, saving, progress=stopper(10))
    resumed = train(LANGUAGE.to("cuda"), 12, saving)
    for one, other in zip(whole.network.parameters(), resumed.network.parameters(), strict=True):
        torch.testing.assert_close(one, other, rtol=0, atol=1e-4)
