"""Runs with a time limit: in order of worth, cut where they must be, and nothing finished is lost."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from reference.timed_cells import TimedCell, TimedConfig, timed_experiment

from experiments.harness import main

pytestmark = pytest.mark.slow  # processes that start, are killed and go on


def test_cells_run_in_order_and_what_does_not_fit_is_left_out(tmp_path):
    cells = [TimedCell("b", estimate=1.0), TimedCell("long", estimate=1e6), TimedCell("a", estimate=2.0)]
    pages = []
    experiment = timed_experiment(cells, pages)
    results = experiment.run(TimedConfig(), tmp_path)
    assert results.table["language"].tolist() == ["b", "a"]
    assert results.table["value"].nunique() == 1  # one process runs them all
    assert not results.failures
    (left_out,) = results.skipped
    assert left_out.label == "long"
    assert left_out.error is not None
    assert left_out.error.startswith("not run: it takes about 12 days, ")
    # The page after every cell, and once more at the end.
    assert pages == [(1, 0, 0, 2), (1, 0, 1, 1), (2, 0, 1, 0), (2, 0, 1, 0)]
    assert (tmp_path / "timed.md").read_text() == "2 rows\n"
    record = json.loads((tmp_path / "run.json").read_text())
    assert record["status"] == "finished"
    assert record["cells"] == {"all": 3, "reused": 0, "failed": 0, "skipped": 1}
    # The same command goes on: the finished ones are not run again.
    cells[1] = dataclasses.replace(cells[1], estimate=1.0)
    again = experiment.run(TimedConfig(), tmp_path)
    assert again.table["language"].tolist() == ["b", "long", "a"]
    assert again.table["value"].nunique() == 2
    assert not again.skipped


@pytest.mark.parametrize(
    ("does", "reason"),
    [("sleep", "cut after 0.5 s, the time it had"), ("die", "its process died"), ("fail", "RuntimeError: it failed")],
)
def test_a_cell_that_is_cut_dies_or_fails_takes_only_itself_along(does, reason, tmp_path):
    cells = [TimedCell("before"), TimedCell("bad", does, limit=0.5 if does == "sleep" else 60), TimedCell("after")]
    results = timed_experiment(cells, []).run(TimedConfig(), tmp_path)
    assert [(cell.label, cell.error) for cell in results.failures] == [("bad", reason)]
    assert results.table["language"].tolist() == ["before", "after"]
    assert results.table["value"].nunique() == 2  # the process was replaced
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "failed"


def test_the_end_of_the_run_cuts_too(tmp_path):
    cells = [TimedCell("endless", "sleep"), TimedCell("after", estimate=0.1)]
    results = timed_experiment(cells, []).run(TimedConfig(seconds=4.0), tmp_path)
    assert [cell.label for cell in results.failures] == ["endless"]
    assert [cell.label for cell in results.skipped] == ["after"]


def test_a_cell_is_told_how_long_it_has(tmp_path):
    cells = [TimedCell("by its limit", "tell", limit=70.0), TimedCell("by the run", "tell", limit=1000.0)]
    told = timed_experiment(cells, []).run(TimedConfig(seconds=500.0), tmp_path).table["value"].tolist()
    assert told[0] == 70.0
    assert 100 < told[1] <= 500


def test_as_a_command(tmp_path, capsys):
    experiment = timed_experiment([TimedCell("good"), TimedCell("long", estimate=1e6)], [])
    assert main(experiment, ["--out", str(tmp_path)]) == 0
    printed = capsys.readouterr()
    assert str(tmp_path / "timed.md") in printed.out
    assert "long: not run: it takes about" in printed.err
    assert "[2/2] long: not run" in printed.err
    assert main(experiment, ["--out", str(tmp_path), "--jobs", "2"]) == 2
    assert "jobs must be 1 under a time limit" in capsys.readouterr().err
    assert main(experiment, ["--out", str(tmp_path), "--backend", "ray"]) == 2
    assert "backend must be processes under a time limit" in capsys.readouterr().err
    assert main(experiment, ["--out", str(tmp_path), "--dry-run"]) == 0
    # In order, and a finished cell after those to run.
    assert [line.split()[0] for line in capsys.readouterr().out.splitlines()[2:4]] == ["long", "good"]


def test_a_configuration_is_fitted_before_it_is_checked(tmp_path, capsys):
    experiment = dataclasses.replace(
        timed_experiment([TimedCell("good")], []), fitted=lambda config: dataclasses.replace(config, device="cpu")
    )
    assert main(experiment, ["--out", str(tmp_path), "--device", "cuda:99"]) == 0
    assert json.loads((tmp_path / "run.json").read_text())["device"] == "cpu"


def anybody_left(group):
    """Whether a process group still has a member."""
    try:
        os.killpg(group, 0)
    except ProcessLookupError:
        return False
    return True


def test_ctrl_c_ends_the_worker_and_keeps_what_is_finished(tmp_path):
    code = (
        "import sys\nfrom experiments.harness import main\n"
        "from reference.timed_cells import TimedCell, timed_experiment\n"
        "cells = [TimedCell('good'), TimedCell('endless', 'sleep')]\n"
        f"sys.exit(main(timed_experiment(cells, []), ['--out', {str(tmp_path)!r}]))"
    )
    root = Path(__file__).parents[3]
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(root), str(root / "tests")])},
    )
    assert process.stderr is not None
    assert "good" in process.stderr.readline()  # the worker is in the endless cell, or about to be
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "interrupted: finished cells are kept" in printed
    deadline = time.monotonic() + 20
    while anybody_left(process.pid) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert not anybody_left(process.pid)
    assert json.loads((tmp_path / "run.json").read_text())["status"] == "interrupted"
    assert len(list((tmp_path / "cells").glob("*.json"))) == 1
