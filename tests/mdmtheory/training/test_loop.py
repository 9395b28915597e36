"""Training: it learns, it resumes bit for bit, and it fails loudly and harmlessly."""

from __future__ import annotations

import math
import os
from pathlib import Path

import pytest
import torch
from reference.training_runs import LANGUAGE, SHORT, InterruptedRun, interrupted, same_weights, stopper

from languages import language_from, random_hmm
from mdmtheory.networks import CausalLanguageModel, MaskedNetwork
from mdmtheory.training import AR, MDM, SEDD, Corpus, Objective, train
from mdmtheory.training.checkpoints import FILE_NAME
from mdmtheory.training.size import check_step

UNIFORM_NOISE = {"objective": SEDD(noise="uniform", parametrisation="leave-one-out", schedule="geometric")}


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
    train(LANGUAGE, 12, SHORT.changed(steps=2))  # the first step of a process loads libraries
    result = train(LANGUAGE, 12, config)
    assert 1 < result.steps < 10_000
    assert 0.5 <= result.seconds < 10
    assert result.cuts[-1].end == result.steps == result.history[-1].step
    assert "for want of time" in repr(result)
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


def test_the_last_window_may_be_shorter() -> None:
    single = [record.loss for record in train(LANGUAGE, 12, SHORT.changed(log_every=1)).history]
    history = train(LANGUAGE, 12, SHORT.changed(log_every=8)).history
    assert [record.step for record in history] == [8, 16, 20]
    means = [sum(single[start:stop]) / (stop - start) for start, stop in ((0, 8), (8, 16), (16, 20))]
    assert [record.loss for record in history] == pytest.approx(means, abs=1e-6)
    for record in history:
        assert record.gap == pytest.approx(record.loss - LANGUAGE.entropy(12) / 12)


def test_a_language_may_be_named() -> None:
    one = train("2-gram:vocab=4", 8, SHORT.changed(steps=2))
    assert same_weights(one, train(language_from("2-gram:vocab=4"), 8, SHORT.changed(steps=2)))


@pytest.mark.parametrize(
    ("arguments", "culprit"),
    [
        ((3, 8, SHORT), "language must be a Language, or a specification"),
        (("2-grm", 8, SHORT), "unknown language '2-grm'"),
        ((LANGUAGE, "8", SHORT), "length must be a whole number"),
        ((LANGUAGE, 8, {"steps": 3}), "config must be a TrainingConfig"),
        (
            (LANGUAGE, 8, SHORT.changed(batch_size=10**14)),
            r"batch_size=100000000000000 .* GiB .*; batch_size=\d+ may fit",
        ),
        ((LANGUAGE, 8, SHORT.changed(held_out=10**15)), r"held_out=1000000000000000 .* GiB .*; held_out=\d+ would fit"),
        ((LANGUAGE, 8, SHORT.changed(corpus=Corpus(10**15))), r"corpus\.num_sequences=1000000000000000 .* GiB"),
        ((LANGUAGE, 10**13, SHORT), r"held_out=64 of length 10000000000000 needs .* GiB"),
    ],
)
def test_slips_are_named_before_any_work(arguments: tuple, culprit: str) -> None:
    with pytest.raises(ValueError, match=culprit):
        train(*arguments)


def test_a_batch_of_a_thousand_million_rows_is_refused() -> None:
    config = SHORT.changed(batch_size=10**9)
    with pytest.raises(ValueError, match=r"a step of batch_size=1000000000 and length 8 needs .* GiB"):
        check_step(config, config.transformer(4), 8, "cpu", world=1)
    check_step(SHORT, SHORT.transformer(4), 8, "cpu", world=1)


def test_an_unknown_optimum_is_not_shown(capfd: pytest.CaptureFixture[str]) -> None:
    result = train(LANGUAGE, 12, SHORT, progress=True, optimum=math.nan)
    assert result.gap is None
    assert result.held_out is not None
    shown = capfd.readouterr().err
    assert "loss" in shown
    assert "gap" not in shown
