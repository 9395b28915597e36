"""What holds for every experiment: found by listing the packages that have one, so that a new one is held to it too."""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import runpy
import subprocess
import sys
from pathlib import Path

import pytest

import experiments
from experiments.harness import main

HERE = Path(__file__).parent
FOUND = {
    module.name: package.EXPERIMENT
    for module in pkgutil.iter_modules(experiments.__path__)
    if hasattr(package := importlib.import_module(f"experiments.{module.name}"), "EXPERIMENT")
}
BAD_FLAGS = [
    (["--preset", "papers"], "--preset", "papers"),
    (["--stepz", "1"], "--stepz"),
    (["--out", ""], "--out must name a folder"),
    (["--seed", "-1"], "--seed", "-1"),
    (["--device", "gpu"], "device", "gpu"),
]
"""Refused by all; a file bad_flags.py beside the tests of an experiment has its own."""
LANGUAGE_FLAGS = [
    (["--languages", "2-grams"], "2-grams"),
    (["--languages", "hmm:stats=4"], "stats=4"),
    (["--languages", "2-gram", "--lengths", "0"], "lengths"),
]
"""Refused by all that take languages."""


def bad_flags():
    for name in FOUND:
        own = HERE / name / "bad_flags.py"
        common = [*BAD_FLAGS, *(LANGUAGE_FLAGS if hasattr(FOUND[name].presets["smoke"], "languages") else [])]
        for flags, *words in [*common, *(runpy.run_path(str(own))["BAD_FLAGS"] if own.exists() else [])]:
            yield pytest.param(name, flags, words, id=f"{name} {' '.join(flags)}")


def test_every_experiment_is_listed_in_the_documentation():
    page = (HERE.parents[1] / "docs" / "experiments.md").read_text()
    assert [name for name in FOUND if f"| `{name}` |" not in page] == []
    assert "ter_vs_steps" in FOUND


@pytest.mark.parametrize("name", FOUND)
def test_its_name_is_that_of_its_package(name):
    assert FOUND[name].name == name
    assert importlib.import_module(f"experiments.{name}").PRESETS is FOUND[name].presets
    assert "smoke" in FOUND[name].presets


@pytest.mark.parametrize("name", FOUND)
def test_help_needs_no_heavy_library(name):
    code = (
        "import runpy, sys\n"
        "try: runpy.run_module(sys.argv.pop(1), run_name='__main__', alter_sys=True)\n"
        "except SystemExit as stop: assert stop.code == 0\n"
        "sys.stderr.write(' '.join(sorted({'torch', 'pandas', 'matplotlib', 'scipy'} & set(sys.modules))))"
    )
    command = [sys.executable, "-c", code, f"experiments.{name}", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert done.stdout.startswith(f"usage: python -m experiments.{name} ")
    assert "--dry-run" in done.stdout


@pytest.mark.parametrize(("name", "flags", "words"), bad_flags())
def test_bad_flags_name_the_culprit_and_do_nothing(name, flags, words, tmp_path, capsys):
    out = tmp_path / "out"
    assert main(FOUND[name], ["--preset", "smoke", "--out", str(out), *flags]) == 2
    message = capsys.readouterr().err
    assert message.startswith("error: ")
    assert message.count("\n") == 1
    assert all(word in message for word in words), message
    assert len(message) < 300
    assert not out.exists()


@pytest.mark.parametrize("name", FOUND)
def test_a_dry_run_lists_cells_and_writes_nothing(name, tmp_path, capsys):
    assert main(FOUND[name], ["--preset", "smoke", "--dry-run", "--out", str(tmp_path / "out")]) == 0
    assert f"{len(FOUND[name].cells(FOUND[name].presets['smoke']))} cells, 0 finished" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


NO_RESULT = {"device", "limit"}
"""Fields that decide no result: where a cell runs, and how long it may."""


@pytest.mark.parametrize("name", FOUND)
def test_every_field_of_a_cell_names_it(name):
    """A result that another number of sequences made must not be taken for this one's."""
    for cell in {type(cell): cell for cell in FOUND[name].cells(FOUND[name].presets["smoke"])}.values():
        assert {field.name for field in dataclasses.fields(cell) if not field.compare} <= NO_RESULT
        for field in dataclasses.fields(cell):
            if field.compare:
                changed = dataclasses.replace(cell, **{field.name: ("other",)})
                assert changed.key != cell.key, f"{type(cell).__name__}.{field.name}"
                assert changed.random_seed != cell.random_seed


@pytest.mark.parametrize(
    ("name", "preset"), [(name, preset) for name, experiment in FOUND.items() for preset in experiment.presets]
)
def test_every_preset_passes_its_check_and_has_cells(name, preset):
    config = FOUND[name].presets[preset]
    config.check()
    cells = FOUND[name].cells(config)
    assert len({cell.key for cell in cells}) == len(cells) > 0
    # Copying published figures takes no time.
    assert all(cell.estimated_seconds() > 0 for cell in cells if type(cell).__name__ != "PublishedCell")
