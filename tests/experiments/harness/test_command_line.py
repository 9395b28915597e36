from __future__ import annotations

import dataclasses
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.harness.command_line import field_help
from experiments.harness.tables import read_results

SCRIPT = Path(__file__).parent / "toy.py"


def test_help_needs_no_heavy_library():
    code = (
        "import runpy, sys\n"
        "try: runpy.run_path(sys.argv[1], run_name='__main__')\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "sys.stderr.write(' '.join(sorted({'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules))))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(SCRIPT), "--help"], capture_output=True, text=True, check=True
    )
    assert done.stderr == ""
    for flag in ("--preset {smoke,demo,paper}", "--pause-seconds", "--languages", "--dry-run", "--no-loud"):
        assert flag in done.stdout
    assert "Specifications such as hmm:states=4,prune=0.05, any number of them." in " ".join(done.stdout.split())


def test_help_texts_come_from_the_class_and_its_base(toy):
    helps = field_help(toy.ToyConfig)
    assert helps["seed"] == "Seed of everything random."
    assert helps["steps"] == "Numbers of draws, 100 % of them."
    assert set(helps) == {"seed", "device", "languages", "steps", "pause_seconds", "loud", "limit", "journal"}


def configuration(toy, monkeypatch, *arguments):
    """The configuration that arguments ask for."""
    seen = []
    monkeypatch.setattr(toy.TOY.__class__, "plan", lambda self, config, out, **rest: seen.append((config, out, rest)))
    assert toy.main(toy.TOY, ["--dry-run", *arguments]) == 0
    return seen[0]


def test_no_argument_at_all_runs_the_default_preset(toy, monkeypatch, tmp_path, capsys):
    monkeypatch.chdir(tmp_path)
    assert toy.main(toy.TOY, []) == 0
    assert len(read_results(tmp_path / "results" / "toy" / "demo"))


def test_flags_override_the_preset(toy, monkeypatch):
    config, out, rest = configuration(toy, monkeypatch)
    assert (config, out, rest) == (
        toy.TOY.presets["demo"],
        Path("results/toy/demo"),
        {"jobs": None, "fresh": False, "trust_old": False},
    )
    config, out, rest = configuration(
        toy, monkeypatch, "--steps", "3", "5", "--preset=paper", "--languages", "text:a_b,order=3", "hmm:states=4",
        "--pause_seconds=1e-1", "--loud", "--limit", "7", "--seed=4", "--jobs", "3", "--fresh", "--trust_old_cells",
    )  # fmt: skip
    wanted = toy.ToyConfig(
        steps=(3, 5), languages=("text:a_b,order=3", "hmm:states=4"), pause_seconds=0.1, loud=True, limit=7, seed=4
    )
    assert (config, out, rest) == (wanted, Path("results/toy/paper"), {"jobs": 3, "fresh": True, "trust_old": True})
    config, _, _ = configuration(toy, monkeypatch, "--preset", "paper", "--no-loud", "--limit", "null")
    assert config == toy.TOY.presets["paper"]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--preset", "huge"], ["--preset", "smoke, demo, paper", "huge"]),
        (["--preset"], ["--preset"]),
        (["--stepz", "1"], ["--stepz", "did you mean --steps"]),
        (["--out", ""], ["--out must name a folder"]),
        (["--out="], ["--out must name a folder"]),
        (["--seed", str(1 << 63)], ["--seed", "2^63"]),
        (["--step", "1"], ["--step"]),
        (["--steps", "1", "x"], ["--steps", "int", "x"]),
        (["--steps", "1,2"], ["--steps", "1,2"]),
        (["--steps"], ["--steps"]),
        (["--pause-seconds", "soon"], ["--pause-seconds", "float", "soon"]),
        (["--steps", "4", "0"], ["error: --steps must be at least 1, got 0"]),
        (["--seed", "-1"], ["error: --seed", "-1"]),
        (["--device", "gpu"], ["device", "gpu"]),
        (["--device", "cuda:99"], ["device", "cuda:99"]),
        (["--jobs", "0"], ["error: --jobs", "0"]),
        (["--backend", "carrier-pigeon"], ["--backend", "carrier-pigeon"]),
        (["stray"], ["stray"]),
    ],
)
def test_bad_arguments_end_in_one_line(toy, tmp_path, capsys, arguments, words):
    out = tmp_path / "out"
    assert toy.main(toy.TOY, ["--out", str(out), *arguments]) == 2
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("error: ")
    assert printed.err.count("\n") == 1
    assert all(word in printed.err for word in words), printed.err
    assert not out.exists()


def test_what_no_machine_bears_is_refused_before_any_work(toy, tmp_path, capsys):
    """By estimates, half a second and a MiB a step: one error, with the flag, the cost and what would do."""
    out = tmp_path / "out"
    for dry in (["--dry-run"], []):
        assert toy.main(toy.TOY, ["--out", str(out), "--steps", "1", str(10**9), *dry]) == 2
        message = capsys.readouterr().err
        assert message.startswith("error: --steps must be at most about ")
        assert "2-gram N=1000000000 would take about 15.9 years and 953.7 TiB of memory" in message
        assert message.count("\n") == 1
        assert not out.exists()
    most = int(re.search(r"at most about (\d+)", message)[1])
    assert toy.main(toy.TOY, ["--out", str(out), "--steps", str(most), "--dry-run"]) == 0
    assert toy.main(toy.TOY, ["--out", str(out), "--steps", str(2 * most), "--dry-run"]) == 2


def test_debug_shows_where_an_error_arose(toy, tmp_path, capsys):
    assert toy.main(toy.TOY, ["--out", str(tmp_path), "--steps", "0", "--debug"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_to_is_refused_before_any_work(toy, tmp_path, capsys):
    (tmp_path / "file").touch()
    out, journal = tmp_path / "file" / "out", tmp_path / "journal"
    assert toy.main(toy.TOY, ["--out", str(out), "--journal", str(journal)]) == 2
    assert f"error: --out {out} is not a writable folder" in capsys.readouterr().err
    assert not journal.exists()


def test_a_folder_in_use_is_refused(toy, tmp_path, capsys):
    from experiments.harness.folder import claimed

    with claimed(tmp_path):
        assert toy.main(toy.TOY, ["--out", str(tmp_path)]) == 2
    assert "another run is using" in capsys.readouterr().err


def test_a_dry_run_writes_nothing_and_adds_up(toy, tmp_path, capsys):
    out = tmp_path / "out"
    arguments = ["--out", str(out), "--steps", "1", "2", "4", "60", "--jobs", "2", "--dry-run"]
    assert toy.main(toy.TOY, arguments) == 0
    assert list(tmp_path.iterdir()) == []
    text = capsys.readouterr().out
    # 0.5 s and 1 MiB a step: 33.5 s in all, the longest 30 s alone on one worker, the two largest 64 MiB together
    assert "4 cells, 0 finished, 4 to run: about 34 s of work, 30 s with 2 jobs, up to 64 MiB of memory" in text
    assert [line.split()[1] for line in text.splitlines()[2:6]] == ["N=60", "N=4", "N=2", "N=1"]
    assert toy.main(toy.TOY, ["--out", str(out), "--steps", "1"]) == 0
    before = sorted(tmp_path.rglob("*"))
    capsys.readouterr()
    assert toy.main(toy.TOY, arguments) == 0
    assert "4 cells, 1 finished, 3 to run" in capsys.readouterr().out
    assert sorted(tmp_path.rglob("*")) == before


def test_a_run_leaves_what_it_promises(toy, tmp_path, capsys):
    languages = ["--languages", "2-gram", "hmm:states=4,prune=0.05"]
    assert toy.main(toy.TOY, ["--out", str(tmp_path), "--jobs", "1", *languages]) == 0
    printed = capsys.readouterr()
    names = ["results.csv", "results.parquet", "run.json", "toy.png"]
    for name in names:
        assert str(tmp_path / name) in printed.out
    assert {path.name for path in tmp_path.iterdir()} == {*names, "cells", ".lock"}
    assert len(list((tmp_path / "cells").glob("*.json"))) == 6
    assert [line.split()[0] for line in printed.err.splitlines()] == [f"[{count}/6]" for count in range(1, 7)]
    assert "± 0." in printed.out
    run = json.loads((tmp_path / "run.json").read_text())
    assert run["config"]["languages"] == ["2-gram", "hmm:states=4,prune=0.05"]
    assert run["status"] == "finished"
    assert run["cells"] == {"all": 6, "reused": 0, "failed": 0}
    assert set(run) >= {"versions", "seed", "device", "device_name", "git", "cpu_count", "started", "finished"}
    assert set(run["versions"]) == {"python", "mdmtheory", "torch", "numpy", "scipy", "pandas"}
    assert run["wall_seconds"] > 0
    table = read_results(tmp_path)
    # in the order of the configuration, whatever the order of the work
    assert table["language"].tolist() == ["2-gram"] * 9 + ["hmm:states=4,prune=0.05"] * 9
    assert table["steps"].tolist() == [1, 1, 1, 2, 2, 2, 4, 4, 4] * 2


def test_a_full_disk_does_not_hide_the_table(toy, tmp_path, capsys):
    """Where only the figure does not fit, it is named, and the table is printed."""

    def full(*arguments):
        raise OSError(28, "No space left on device", str(tmp_path / "toy.png"))

    assert toy.main(dataclasses.replace(toy.TOY, figures=full), ["--out", str(tmp_path)]) == 1
    printed = capsys.readouterr()
    assert "± 0." in printed.out
    assert str(tmp_path / "results.csv") in printed.out
    assert printed.err.splitlines()[-1] == f"error: cannot write {tmp_path / 'toy.png'}: No space left on device"


def test_equal_cells_count_once(toy, tmp_path):
    assert toy.main(toy.TOY, ["--out", str(tmp_path), "--steps", "1", "1", "--languages", "2-gram", "2-gram"]) == 0
    assert len(read_results(tmp_path)) == 3


def test_what_results_violate_is_named_and_ends_in_one(toy, tmp_path, capsys):
    """The table and the files are there all the same, and a second run, which reuses every cell, says it again."""
    experiment = dataclasses.replace(
        toy.TOY,
        violations=lambda table, config: [f"violated: {n} steps" for n in table["steps"].unique() if n > config.limit],
    )
    for _ in range(2):
        assert toy.main(experiment, ["--out", str(tmp_path), "--limit", "2"]) == 1
        printed = capsys.readouterr()
        assert printed.err.splitlines()[-1] == "violated: 4 steps"
        assert str(tmp_path / "toy.png") in printed.out
    assert toy.main(experiment, ["--out", str(tmp_path), "--limit", "4"]) == 0
    assert "violated" not in capsys.readouterr().err
    results = experiment.run(toy.ToyConfig(limit=1), tmp_path)
    assert results.violations == ("violated: 2 steps", "violated: 4 steps")
