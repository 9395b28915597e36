"""`python -m experiments` lists what can be run, and imports nothing heavy for it."""

from __future__ import annotations

import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.__main__ import experiment_names, first_line, main


def test_the_list_is_complete(capsys):
    assert main([]) == 0
    printed = " ".join(capsys.readouterr().out.split())
    root = Path(__file__).parents[2] / "experiments"
    wanted = [folder.name for folder in root.iterdir() if (folder / "__main__.py").exists()]
    assert sorted(wanted) == experiment_names()
    assert len(wanted) >= 9
    for name in wanted:
        assert f"{name} {' '.join(first_line(name).split())}" in printed
        assert importlib.import_module(f"experiments.{name}").EXPERIMENT.name == name


def test_a_named_experiment_runs(tmp_path, capsys):
    assert main(["laws", "--preset", "smoke", "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert "3 cells, 0 finished" in capsys.readouterr().out
    assert main(["law", "--dry-run"]) == 2
    assert capsys.readouterr().err.startswith("error: experiment 'law' is none of the")


@pytest.mark.parametrize("name", ["languages", "mdmtheory"])
@pytest.mark.parametrize("is_package", [True, False])
def test_a_package_that_hides_ours_is_named(tmp_path, name, is_package):
    (tmp_path / name).mkdir()
    if is_package:
        (tmp_path / name / "__init__.py").touch()
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", "import experiments"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": root}, capture_output=True, text=True,
    )  # fmt: skip
    if is_package:
        assert f"another package called {name!r} hides ours: {tmp_path / name}" in done.stderr
    else:  # a folder without __init__.py comes after what is installed
        assert done.returncode == 0, done.stderr


def test_pages_name_every_experiment():
    root = Path(__file__).parents[2]
    for page in ("README.md", "docs/experiments.md"):
        text = (root / page).read_text(encoding="utf-8")
        assert not [name for name in experiment_names() if f"`{name}`" not in text]
