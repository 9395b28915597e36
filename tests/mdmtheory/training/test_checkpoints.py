"""Checkpoints: all of a run comes back, what is not whole or not this run's is refused, and nothing begins anew."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import torch
from reference.training_runs import LANGUAGE, SHORT, interrupted, same_weights

from languages import random_ngram, random_walk
from mdmtheory.networks.weights import read_tensors, write_tensors
from mdmtheory.training import train
from mdmtheory.training.checkpoints import FILE_NAME, Progress, Window, load_checkpoint, save_checkpoint
from mdmtheory.training.engine import make_engine
from mdmtheory.training.pace import Cut


def test_model_average_and_optimizer_come_back_bit_for_bit(tmp_path: Path) -> None:
    shape = SHORT.transformer(4)
    one, two = make_engine(SHORT, shape), make_engine(SHORT.changed(seed=1), shape)
    generator = torch.Generator().manual_seed(0)
    for _ in range(3):
        tokens = torch.randint(0, 5, (4, 6), generator=generator)
        one.step(one.call(tokens).square().mean() + one.call(tokens).sum(), 0.01, 1.0)
    progress = Progress(3, 1.5, ({"step": 3},), Window(2, 1.25, 0.1), (Cut(2, 12), Cut(8, 10)))
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


def test_a_checkpoint_of_almost_the_same_language_is_refused(tmp_path: Path) -> None:
    one, other = (random_walk(64, increments={-1: down, 0: 0.95 - down, 1: 0.05}) for down in (0.0, 1e-5))
    config = SHORT.changed(steps=2, checkpoint_dir=str(tmp_path))
    train(one, 12, config)
    with pytest.raises(ValueError, match="another run: its language"):
        train(other, 12, config)


@pytest.mark.parametrize(
    "options",
    [
        {"checkpoint_every": 3, "log_every": 5},
        {"checkpoint_every": 7, "log_every": 10},
        {"checkpoint_every": 5, "log_every": 5, "warmup": 15},
        {"checkpoint_every": 5, "log_every": 5, "warmup": 0.9, "decay": "linear"},
    ],
)
def test_a_resumed_run_has_the_same_history(options: dict, tmp_path: Path) -> None:
    config = SHORT.changed(**options)
    whole = train(LANGUAGE, 12, config)
    saving = config.changed(checkpoint_dir=str(tmp_path))
    interrupted(saving, at=10)
    resumed = train(LANGUAGE, 12, saving)
    assert same_weights(resumed, whole)
    histories = [[(r.step, r.loss, r.gap, r.learning_rate) for r in run.history] for run in (resumed, whole)]
    assert histories[0] == histories[1]
    seconds = [record.seconds for record in resumed.history]
    assert seconds == sorted(seconds)


def test_records_may_be_made_more_often_by_the_run_that_goes_on(tmp_path: Path) -> None:
    single = [record.loss for record in train(LANGUAGE, 12, SHORT.changed(log_every=1)).history]
    saving = SHORT.changed(checkpoint_dir=str(tmp_path), checkpoint_every=7, log_every=10)
    interrupted(saving, at=10)
    history = train(LANGUAGE, 12, saving.changed(log_every=4)).history
    assert [record.step for record in history] == [8, 12, 16, 20]  # the interrupted run's record of 10 was not saved
    means = [sum(single[start:stop]) / (stop - start) for start, stop in ((0, 8), (8, 12), (12, 16), (16, 20))]
    assert [record.loss for record in history] == pytest.approx(means, abs=1e-6)


def rewritten(path: Path, **header: object) -> None:
    """Change the header of a file of tensors."""
    tensors, found = read_tensors(path)
    write_tensors(path, tensors, json.loads(json.dumps({**found, **header})))


def test_training_time_goes_on(tmp_path: Path) -> None:
    saving = SHORT.changed(checkpoint_dir=str(tmp_path), checkpoint_every=5)
    interrupted(saving, at=10)
    rewritten(tmp_path / FILE_NAME, seconds=1000.0)
    resumed = train(LANGUAGE, 12, saving)
    assert resumed.seconds > 1000
    assert resumed.history[-1].seconds > 1000
    rewritten(tmp_path / FILE_NAME, seconds=2000.0)
    assert train(LANGUAGE, 12, saving).seconds == 2000  # nothing was left to do


def test_a_checkpoint_from_before_windows_were_kept_is_still_good(tmp_path: Path) -> None:
    whole = train(LANGUAGE, 12, SHORT)
    saving = SHORT.changed(checkpoint_dir=str(tmp_path), checkpoint_every=5)
    interrupted(saving, at=10)
    tensors, header = read_tensors(tmp_path / FILE_NAME)
    for name in ("window", "cuts"):
        del header[name]
    del header["run"]["language_digest"]
    write_tensors(tmp_path / FILE_NAME, tensors, header)
    resumed = train(LANGUAGE, 12, saving)
    assert same_weights(resumed, whole)
    assert [r.loss for r in resumed.history] == [r.loss for r in whole.history]


@pytest.mark.parametrize(
    ("lacking", "culprit"),
    [
        ("average/", "lacks average/"),
        ("average/embedding.weight", r"lacks average/embedding\.weight"),
        ("model/embedding.weight", r"lacks model/embedding\.weight"),
        ("optimizer/embedding.weight/exp_avg_sq", r"lacks optimizer/embedding\.weight/exp_avg_sq"),
    ],
)
def test_a_checkpoint_that_lacks_a_part_is_refused(lacking: str, culprit: str, tmp_path: Path) -> None:
    config = SHORT.changed(steps=5, checkpoint_dir=str(tmp_path))
    train(LANGUAGE, 12, config)
    tensors, header = read_tensors(tmp_path / FILE_NAME)
    write_tensors(tmp_path / FILE_NAME, {n: t for n, t in tensors.items() if not n.startswith(lacking)}, header)
    with pytest.raises(ValueError, match=rf"cannot read .*{FILE_NAME} as a checkpoint.*{culprit}"):
        train(LANGUAGE, 12, config)
    write_tensors(tmp_path / FILE_NAME, tensors | {"average/embedding.weight": torch.zeros(2)}, header)
    with pytest.raises(ValueError, match=r"its average/embedding\.weight has shape \(2,\), not \(7, 16\)"):
        train(LANGUAGE, 12, config)


def test_the_average_is_returned_and_not_the_last_weights(tmp_path: Path) -> None:
    result = train(LANGUAGE, 12, SHORT.changed(checkpoint_dir=str(tmp_path)))
    tensors, _ = read_tensors(tmp_path / FILE_NAME)
    for name, value in result.network.state_dict().items():
        assert torch.equal(value, tensors[f"average/{name}"])
    assert any(not torch.equal(tensors[f"model/{name}"], value) for name, value in result.network.state_dict().items())


def test_leftovers_of_a_killed_run_go(tmp_path: Path) -> None:
    leftover = tmp_path / f".{FILE_NAME}.0123456789ab.tmp"
    leftover.touch()
    os.utime(leftover, (0, 0))
    train(LANGUAGE, 12, SHORT.changed(steps=2, checkpoint_dir=str(tmp_path)))
    assert [file.name for file in tmp_path.iterdir()] == [FILE_NAME]
