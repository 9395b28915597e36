"""Results know the code that they come from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.harness import code
from experiments.harness.code import code_digest
from experiments.shared.oracle_samples import OracleCell
from experiments.shared.published import PublishedCell

ROOT = Path(__file__).parents[3]


def reached(kind):
    return set(code._reached(tuple(base.__module__ for base in kind.__mro__)))


def test_what_a_cell_can_reach_and_nothing_else():
    found = reached(OracleCell)
    # Named in a package's front, imported lazily by it, inside a function, by way of other modules.
    wanted = {"experiments.shared.oracle_samples", "experiments.shared.language_cell", "experiments.harness.cells"}
    wanted |= {"languages.kinds", "languages.inference.dispatch", "mdmtheory.denoisers.oracle", "languages.estimate"}
    assert wanted <= found
    others = ("figures", "report", "command_line", "runner", "command", "training", "networks", "bounds", "answers")
    assert not [name for name in found if set(name.split(".")) & set(others)]
    assert reached(PublishedCell) == {
        "experiments.shared.published", "experiments.harness.cells", "experiments.harness.rows", "languages.estimate",
    }  # fmt: skip


def test_every_way_to_import_is_read(tmp_path, monkeypatch):
    package = tmp_path / "plugged"
    package.mkdir()
    (package / "__init__.py").write_text("from .named import one as two\nfrom plugged import sub\n")
    (package / "named.py").write_text("one = 1\n")
    (package / "sub.py").write_text("import os, plugged.deep\n")
    (package / "deep.py").write_text("def f():\n    from plugged.late import (\n        g,  # why\n        h,\n    )\n")
    (package / "late.py").write_text("g = h = 1\n")
    (package / "unseen.py").write_text("")
    (package / "cells.py").write_text(
        '''"""from plugged import unseen"""\nfrom plugged import two, sub\nclass Cell: ...\n'''
    )
    monkeypatch.syspath_prepend(str(tmp_path))
    import importlib

    cells = importlib.import_module("plugged.cells")
    assert reached(cells.Cell) == {f"plugged.{name}" for name in ("cells", "named", "sub", "deep", "late")}


def test_the_digest_is_of_the_sources_alone(tmp_path):
    """Another process, which has loaded everything, says the same; other code says another."""
    command = [sys.executable, "-c", "import experiments.harness.experiment\n"
               "from experiments.shared.published import PublishedCell\n"
               "from experiments.harness.code import code_digest\nprint(code_digest(PublishedCell))"]  # fmt: skip
    told = subprocess.run(
        command, capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)}
    )
    assert told.stdout.strip() == code_digest(PublishedCell)
    assert code_digest(PublishedCell) != code_digest(OracleCell)


@pytest.fixture
def other_code(monkeypatch):
    """From here on the code is another."""

    def change():
        for module in ("run_plan", "runner"):
            monkeypatch.setattr(f"experiments.harness.{module}.code_digest", lambda kind: "f" * 16)

    return change


def test_cells_of_other_code_run_again(toy, tmp_path, capsys, other_code):
    arguments = ["--out", str(tmp_path / "out"), "--journal", str(tmp_path / "journal"), "--steps"]
    assert toy.main(toy.TOY, [*arguments, "1", "2"]) == 0
    (cell, *_) = (tmp_path / "out" / "cells").iterdir()
    assert json.loads(cell.read_text())["code"] == code_digest(toy.ToyCell)
    other_code()
    capsys.readouterr()
    assert toy.main(toy.TOY, [*arguments, "1", "2", "4", "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "3 cells, 0 finished, 3 to run" in printed
    assert "2 stored cells were made by other code: to run again (--trust-old-cells keeps what is stored)" in printed
    assert toy.main(toy.TOY, [*arguments, "1"]) == 0
    assert "1 stored cell was made by other code: to run again" in capsys.readouterr().err
    assert (tmp_path / "journal").read_text().count("start") == 3
    assert toy.main(toy.TOY, [*arguments, "1"]) == 0  # it is of this code now
    assert "other code" not in capsys.readouterr().err


def test_old_cells_that_are_trusted_are_named(toy, tmp_path, capsys, other_code):
    arguments = ["--out", str(tmp_path / "out"), "--journal", str(tmp_path / "journal"), "--steps"]
    assert toy.main(toy.TOY, [*arguments, "1"]) == 0
    other_code()
    assert toy.main(toy.TOY, [*arguments, "1", "2", "--trust-old-cells"]) == 0
    assert "WARNING: 1 stored cell was made by other code and may differ" in capsys.readouterr().err
    assert (tmp_path / "journal").read_text().count("start") == 2
    run = json.loads((tmp_path / "out" / "run.json").read_text())
    assert run["made_by_other_code"] == [toy.ToyCell("2-gram", 1, 0).key]
    assert toy.main(toy.TOY, [*arguments, "2"]) == 0
    assert "made_by_other_code" not in json.loads((tmp_path / "out" / "run.json").read_text())
