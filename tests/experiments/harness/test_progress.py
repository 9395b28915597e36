"""What a run says while it works."""

from __future__ import annotations

import dataclasses
import time

import pytest

from experiments.harness import progress, tell
from experiments.harness.progress import Progress
from experiments.harness.run_plan import MOST_LISTED, RunPlan
from experiments.harness.runner import Outcome
from experiments.harness.telling import fall_silent, told


@pytest.fixture
def plan(toy, tmp_path):
    """Four cells of 4, 2, 1 and half a second, two at once."""
    cells = [toy.ToyCell("2-gram", steps, 0) for steps in (1, 2, 4, 8)]
    return RunPlan.of(cells, tmp_path, jobs=2, fresh=False, gpu=False)


def test_cells_under_way_count_by_the_time_they_have_taken(plan, tmp_path, monkeypatch):
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(plan, tmp_path) as shown:
        assert shown.work_done() == 0
        now[0] += 1.0
        assert shown.work_done() == pytest.approx(2.0)  # of two workers
        assert shown.under_way() == "2-gram N=8: 1 s of about 4 s, 1 more"
        now[0] += 9.0
        assert shown.work_done() == pytest.approx(0.98 * 6.0)  # longer than expected: all but done
        shown.advance(Outcome(plan.pending[1], "2-gram N=4", 10.0))
        assert list(shown.running) == [plan.pending[0], plan.pending[2]]
        assert shown.work_done() == pytest.approx(2.0 + 0.98 * 4.0)
        tell(workdir := tmp_path / "work" / plan.pending[0], "nobody listens")  # no folder, and no error
        workdir.mkdir(parents=True)
        tell(workdir, "step 3 of 9, 12 s left")
        tell(workdir, "too soon after it")
        assert shown.under_way() == "2-gram N=8: step 3 of 9, 12 s left, 1 more"
        fall_silent(workdir)
        assert list(workdir.iterdir()) == []
        assert told(tmp_path, plan.pending[0]) == ""


def test_a_log_file_hears_of_a_cell_that_takes_long(plan, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(progress, "LINE_SECONDS", 0.02)
    monkeypatch.setattr(progress, "REDRAWN_SECONDS", 0.01)
    with Progress(plan, tmp_path):
        time.sleep(0.1)
    assert "[0/4] 2-gram N=8: 0." in capsys.readouterr().err


def test_many_cells_are_summed_up(toy, tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--steps", *map(str, range(1, MOST_LISTED + 2)), "--jobs", "1", "--dry-run"]
    assert toy.main(toy.TOY, arguments) == 0
    *lines, total = capsys.readouterr().out.splitlines()
    assert [line.split() for line in lines[2:]] == [["41", "ToyCell", "2-gram", "to", "run", "7.2", "min", "41", "MiB"]]
    assert total.startswith("41 cells, 0 finished, 41 to run: about 7.2 min of work, 7.2 min with 1 job")


def test_a_cell_in_this_process_says_what_it_does_and_leaves_nothing(toy, tmp_path, monkeypatch):
    seen = []

    def run(self, workdir):
        tell(workdir, "half of it")
        seen.append(told(tmp_path, self.key))
        return []

    monkeypatch.setattr(toy.ToyCell, "run", run)
    toy.TOY.run(dataclasses.replace(toy.TOY.presets["smoke"], steps=(1,)), tmp_path)
    assert seen == ["half of it"]
    assert not (tmp_path / "work").exists()
