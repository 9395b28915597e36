"""The time limit: it moves the end of a run that is behind, coarsely and on record, and leaves others alone."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from reference.training_runs import LANGUAGE, SHORT, InterruptedRun, same_weights, stopper

from languages import random_ngram
from mdmtheory.training import train
from mdmtheory.training.pace import Cut, Pace, coarse
from mdmtheory.training.recipes import recipe


def simulated(total: int, limit: float, per_step: float, first: float = 0.0) -> tuple[Pace, int, float]:
    """Run against a clock: the pace, the steps done and the time spent at the end."""
    pace, step, seconds = Pace(total, limit), 0, 0.0
    while True:
        pace.review(step, seconds)
        if step >= pace.end:
            return pace, step, seconds
        seconds += per_step + (first if step == 0 else 0.0)
        step += 1


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.integers(1, 10**9), st.floats(1.0, 1e3), st.floats(1e-3, 50.0))
def test_an_end_is_moved_where_time_is_short_and_only_there(total: int, per_run: float, limit: float) -> None:
    per_step = per_run / 1000
    pace, step, seconds = simulated(total, limit, per_step)
    assert step == pace.end <= total
    assert seconds < limit + per_step + 1e-9  # the step under way is finished
    if total * per_step < 0.999 * limit:
        assert pace.cuts == ()
        assert step == total
    elif (total - 1) * per_step > 1.001 * limit:
        assert pace.cuts
        assert seconds > 0.55 * limit - 2 * per_step  # an eighth of what was left, and a start of up to a half
    assert pace.part(step) == pytest.approx(1, abs=1e-12)
    parts = [pace.part(done) for done in range(0, step + 1, max(1, step // 50))]
    assert parts[0] == 0
    assert parts == sorted(parts)


def test_without_a_cut_the_part_is_that_of_the_steps() -> None:
    pace = Pace(70, 10.0)
    assert [pace.part(step) for step in range(71)] == [step / 70 for step in range(71)]


def test_after_a_cut_the_rest_is_spread_over_what_is_left() -> None:
    pace = Pace(100, None, (Cut(20, 60), Cut(40, 48)))
    assert [pace.part(step) for step in (0, 20, 40, 44, 48)] == pytest.approx([0, 0.2, 0.6, 0.8, 1.0])
    assert Pace(100, None, (Cut(20, 20),)).part(20) == 1
    assert Pace(100, None, (Cut(20, 20),)).end == 20


def test_a_slow_first_step_moves_nothing() -> None:
    """Compiling takes half of the time, and the other half is enough."""
    assert simulated(1000, 10.0, per_step=0.0045, first=5.0)[0].cuts == ()


def test_an_end_that_was_moved_too_far_is_moved_back() -> None:
    """Twenty slow steps, and fast ones after them: most of the time is used, and no more than that."""
    pace, step, seconds = Pace(10**6, 10.0), 0, 0.0
    while True:
        pace.review(step, seconds)
        if step >= pace.end:
            break
        seconds += 0.2 if step < 20 else 0.01
        step += 1
    assert 7 < seconds < 10
    assert len(pace.cuts) < 8
    parts = [pace.part(done) for done in range(step + 1)]
    assert parts == sorted(parts)
    assert parts[-1] == pytest.approx(1)
    pace = Pace(30, 10.0, (Cut(1, 10),))
    for step in range(9):
        pace.review(step, 3 + 0.01 * step)
    assert pace.end == 30  # never beyond what was asked for


def test_close_clocks_decide_alike() -> None:
    """What is moved is moved in eighths and quarters: clocks a few per cent apart mostly give one end."""
    ends = {simulated(10**6, 10.0, 0.01 * (1 + share / 100))[0].cuts for share in range(1, 5)}
    assert len(ends) == 1
    assert [coarse(number) for number in (0, 1, 7, 8, 9, 15, 16, 100, 1000)] == [0, 1, 7, 8, 8, 14, 16, 96, 896]


class Clock:
    """A clock that moves by as much at every look."""

    def __init__(self, tick: float) -> None:
        self.now, self.tick = 0.0, tick

    def perf_counter(self) -> float:
        self.now += self.tick
        return self.now


def test_what_the_limit_decided_survives_resuming(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    config = SHORT.changed(steps=400, time_limit_seconds=0.9, checkpoint_every=5)
    monkeypatch.setattr("mdmtheory.training.loop.time", Clock(0.01))
    whole = train(LANGUAGE, 12, config)
    assert 20 < whole.steps < 100
    assert whole.cuts
    assert whole.cuts[-1].end == whole.steps == whole.history[-1].step
    assert 0 < whole.history[-1].learning_rate < 0.02 * config.optimizer.learning_rate
    saving = config.changed(checkpoint_dir=str(tmp_path))
    monkeypatch.setattr("mdmtheory.training.loop.time", Clock(0.01))
    at = whole.cuts[-1].step + 10 - whole.cuts[-1].step % 5
    with pytest.raises(InterruptedRun):
        train(LANGUAGE, 12, saving, progress=stopper(at))
    monkeypatch.setattr("mdmtheory.training.loop.time", Clock(0.0))  # time enough, but the end is settled
    resumed = train(LANGUAGE, 12, saving.changed(time_limit_seconds=None))
    assert (resumed.cuts, resumed.steps) == (whole.cuts, whole.steps)
    assert same_weights(resumed, whole)


def test_two_runs_of_a_recipe_are_the_same_and_its_limit_changes_nothing() -> None:
    config = recipe("smoke", "mdm").changed(accelerator="cpu")
    language = random_ngram(2, 8, seed=1)
    one, two, free = (train(language, 16, run) for run in (config, config, config.changed(time_limit_seconds=None)))
    assert one.cuts == ()
    assert same_weights(one, two)
    assert same_weights(one, free)
    assert torch.equal(one.network.embedding.weight, free.network.embedding.weight)
