from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from experiments.harness.runner import run_cells, threads_per_job
from experiments.harness.signals import ENDING, Ended, ending_like_ctrl_c
from experiments.harness.tables import read_results

pytestmark = pytest.mark.slow  # processes that start, are killed and go on

PATIENCE_SECONDS = 60.0


def journal_of(folder: Path) -> list[list[str]]:
    path = folder / "journal"
    return [line.split() for line in path.read_text().splitlines()] if path.exists() else []


def starts(folder: Path) -> Counter[tuple[str, int]]:
    return Counter((language, int(steps)) for word, language, steps, _ in journal_of(folder) if word == "start")


def wait_until(condition, what: str) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.02)


def lives(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet collected does not."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{pid}/stat")
    try:
        return stat.read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return not Path("/proc").exists()


def flags(folder: Path, pause: float) -> list[object]:
    """Three quick cells that are expected to take long and so come first, then slow ones."""
    return [
        "--out", folder / "out", "--journal", folder / "journal", "--languages", "2-gram", "slow", "--steps", 4, 2, 1,
        "--pause-seconds", pause, "--jobs", 2,
    ]  # fmt: skip


def run_until(start, arguments: list[object], folder: Path, *, slow: set[int]):
    """Start a run and wait until its quick cells are stored and the slow cells of these steps are under way."""
    process = start(*arguments)
    wanted = {("slow", steps) for steps in slow}
    wait_until(lambda: starts(folder).keys() >= wanted or process.poll() is not None, "slow cells")
    assert process.poll() is None, process.communicate()[1]
    workers = {int(pid) for _, _, _, pid in journal_of(folder)}
    assert process.pid not in workers
    return process, workers


@pytest.fixture(scope="module")
def uninterrupted(toy, tmp_path_factory):
    """The bytes of the table of a run in one process, never interrupted."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    config = toy.ToyConfig(languages=("2-gram", "slow"), steps=(4, 2, 1))
    toy.TOY.run(config, folder, jobs=1)
    return (folder / "results.csv").read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_after_sigkill_only_the_cells_under_way_are_lost(start, tmp_path, uninterrupted):
    process, workers = run_until(start, flags(tmp_path, pause=600), tmp_path, slow={4, 2})
    assert len(workers) == 2
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 3
    # The run alone, not its workers: they must notice by themselves, or they would write into the next run's folder.
    process.kill()
    process.wait()
    wait_until(lambda: not any(map(lives, workers)), "the workers' end")
    again = start(*flags(tmp_path, pause=0))
    _, errors = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, errors
    assert errors.startswith("3 of 6 cells were finished before")
    quick, lost = {("2-gram", steps): 1 for steps in (1, 2, 4)}, {("slow", 4): 2, ("slow", 2): 2}
    assert starts(tmp_path) == {**quick, **lost, ("slow", 1): 1}
    # Two processes or one, in one go or not: the same bytes.
    assert (tmp_path / "out" / "results.csv").read_bytes() == uninterrupted


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_after_ctrl_c_the_same_command_goes_on(toy, start, tmp_path):
    common = ["--out", tmp_path / "out", "--journal", tmp_path / "journal", "--steps", 4, "--languages"]
    languages = ["2-gram", "3-gram", "slow"]
    # One worker is at the slow cell, the other has nothing left to do; a terminal's Ctrl-C reaches everybody.
    arguments = [*common, *languages, "--jobs", 2, "--pause-seconds", 600]
    process, workers = run_until(start, arguments, tmp_path, slow={4})
    stored = lambda: len(list((tmp_path / "out" / "cells").glob("*.json")))  # noqa: E731
    wait_until(lambda: stored() == 2, "both quick cells")
    os.killpg(process.pid, signal.SIGINT)
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 130
    *progress, last = errors.splitlines()
    assert last.startswith("interrupted: finished cells are kept, go on from there with: python ")
    assert "--languages 2-gram 3-gram slow" in last
    assert all(line.startswith("[") for line in progress), errors  # no traceback of anybody
    wait_until(lambda: not any(map(lives, workers)), "the workers' end")
    assert '"status": "interrupted"' in (tmp_path / "out" / "run.json").read_text()
    assert toy.main(toy.TOY, [str(flag) for flag in [*common, *languages, "--jobs", 1]]) == 0
    assert starts(tmp_path) == {("2-gram", 4): 1, ("3-gram", 4): 1, ("slow", 4): 2}


@pytest.mark.skipif(sys.platform == "win32", reason="POSIX signals")
def test_sigterm_ends_a_run_like_ctrl_c(start, tmp_path):
    arguments = ["--out", tmp_path / "out", "--journal", tmp_path / "journal", "--languages", "slow", "--steps", 4, 2]
    process, workers = run_until(start, [*arguments, "--jobs", 2, "--pause-seconds", 600], tmp_path, slow={4, 2})
    os.killpg(process.pid, signal.SIGTERM)  # as schedulers send it, to everybody
    _, errors = process.communicate(timeout=PATIENCE_SECONDS)
    assert process.returncode == 143
    assert errors.splitlines()[-1].startswith("ended by SIGTERM: finished cells are kept, go on from there with: ")
    assert "Traceback" not in errors
    wait_until(lambda: not any(map(lives, workers)), "the workers' end")
    assert '"status": "interrupted"' in (tmp_path / "out" / "run.json").read_text()


def test_a_signal_that_is_ignored_stays_so(monkeypatch):
    """As SIGHUP under nohup; and afterwards every signal is what it was."""
    before = {number: signal.getsignal(number) for number in ENDING}
    try:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        with ending_like_ctrl_c():
            os.kill(os.getpid(), signal.SIGHUP)
            with pytest.raises(Ended, match="SIGTERM"):
                os.kill(os.getpid(), signal.SIGTERM)
            os.kill(os.getpid(), signal.SIGTERM)  # a second one changes nothing
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
        assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def test_a_worker_whose_run_has_died_while_it_started_ends_at_once(toy, tmp_path):
    """Before it takes its cell: without the folder's lock it would write beside the next run."""
    code = (
        "from pathlib import Path\nfrom experiments.harness.runner import run_cell\n"
        "run_cell(None, 'key', 'label', Path('.'), code='', threads=1, parent=1)\nprint('it went on')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (1, "")
    assert list(tmp_path.iterdir()) == []


def test_what_killed_writers_left_is_swept(toy, tmp_path):
    arguments = ["--out", str(tmp_path), "--steps", "1"]
    assert toy.main(toy.TOY, arguments) == 0
    kept = [tmp_path / "mine.tmp", tmp_path / "notes.partial.txt"]
    left = [tmp_path / ".run.json.0123456789ab.tmp", tmp_path / "cells" / ".a.json.0123456789ab.tmp"]
    left += [tmp_path / "work" / "cell" / name for name in ("step-8.partial", ".weights.0123456789ab.tmp")]
    for path in (*kept, *left):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert toy.main(toy.TOY, arguments) == 0
    assert [path for path in left if path.exists()] == []
    assert [path for path in kept if not path.exists()] == []


def test_another_configuration_reuses_the_cells_it_shares(toy, tmp_path):
    common = ["--out", str(tmp_path / "out"), "--journal", str(tmp_path / "journal"), "--steps"]
    for steps in (["1", "2"], ["2", "4"], ["1", "2", "4"]):
        assert toy.main(toy.TOY, [*common, *steps]) == 0
        assert sorted(set(read_results(tmp_path / "out")["steps"])) == [int(step) for step in steps]
    assert set(starts(tmp_path).values()) == {1}
    assert toy.main(toy.TOY, [*common, "2", "--fresh"]) == 0
    assert starts(tmp_path) == {("2-gram", 1): 1, ("2-gram", 2): 2, ("2-gram", 4): 1}
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 3


def test_each_stored_cell_is_read_once(toy, tmp_path, monkeypatch):
    read, reads = Path.read_bytes, []
    monkeypatch.setattr(Path, "read_bytes", lambda path: (reads.append(path), read(path))[1])
    for steps, counts in (("1", {2}), ("1 2", {1, 2}), ("1 2", {1})):  # a new one is looked for and then read
        reads.clear()
        assert toy.main(toy.TOY, ["--out", str(tmp_path), "--steps", *steps.split()]) == 0
        cells = Counter(path.name for path in reads if path.parent.name == "cells")
        assert len(cells) == len(steps.split())
        assert set(cells.values()) == counts


def test_a_failing_cell_costs_nothing_but_itself(toy, tmp_path, capsys):
    arguments = ["--out", str(tmp_path), "--languages", "2-gram", "broken", "--steps", "1", "2"]
    assert toy.main(toy.TOY, arguments) == 1
    errors = capsys.readouterr().err
    assert "failed: broken N=2: ValueError: steps=2 is more than a broken language bears" in errors
    assert "Traceback" not in errors
    assert sorted(set(read_results(tmp_path)["language"])) == ["2-gram"]
    traces = list((tmp_path / "errors").iterdir())
    assert len(traces) == 2
    assert all("Traceback" in trace.read_text() for trace in traces)
    assert not (tmp_path / "toy.png").exists()
    assert '"failed": 2' in (tmp_path / "run.json").read_text()
    assert not (tmp_path / "work").exists()


def test_a_checkpoint_outlives_the_cell_that_broke_off(toy, tmp_path, monkeypatch):
    seen = []

    def run(self, workdir):
        seen.append(sorted(path.name for path in workdir.iterdir()))
        (workdir / "checkpoint").touch()
        if len(seen) == 1:
            raise RuntimeError("no memory")
        return []

    monkeypatch.setattr(toy.ToyCell, "run", run)
    for code, fresh in ((1, []), (0, []), (0, ["--fresh"])):
        assert toy.main(toy.TOY, ["--out", str(tmp_path), "--steps", "1", *fresh]) == code
    assert seen == [[], ["checkpoint"], []]


def test_a_cell_leaves_the_callers_settings_alone(toy, tmp_path):
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)

    def settings():
        return torch.get_num_threads(), torch.rand(1).item(), np.random.random(), random.random()  # noqa: NPY002

    wanted = settings()
    torch.manual_seed(5)
    np.random.seed(5)  # noqa: NPY002
    random.seed(5)
    (tmp_path / "cells").mkdir()
    cell = toy.ToyCell("2-gram", 4, 0)
    (outcome,) = run_cells({cell.key: cell}, tmp_path, jobs=1)
    assert outcome.error is None
    assert settings() == wanted


def test_cores_are_shared_out(monkeypatch):
    monkeypatch.setattr("joblib.cpu_count", lambda: 8)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert [threads_per_job(jobs) for jobs in (1, 2, 3, 8, 16)] == [8, 4, 2, 1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    assert [threads_per_job(jobs) for jobs in (1, 2, 8)] == [3, 3, 1]


def test_ray_is_asked_for_by_name_when_missing(toy, tmp_path, monkeypatch, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert toy.main(toy.TOY, ["--out", str(tmp_path), "--backend", "ray"]) == 2
    assert "error: --backend ray needs the package ray: pip install" in capsys.readouterr().err
