"""`import mdmtheory`: light, flat, and every name leads where it says."""

from __future__ import annotations

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import mdmtheory


@pytest.mark.parametrize("name", mdmtheory.__all__)
def test_every_name_is_the_one_of_its_room(name):
    assert getattr(mdmtheory, name) is getattr(importlib.import_module(mdmtheory._HOME[name]), name)


def test_what_is_offered_is_what_a_checker_sees():
    """The rooms, `__all__`, `dir` and the imports for type checkers name the same."""
    tree = ast.parse(Path(mdmtheory.__file__).read_text(encoding="utf-8"))
    checked = {}
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module != "__future__":
            checked |= {alias.name: node.module for alias in node.names if alias.name != "TYPE_CHECKING"}
    assert checked == mdmtheory._HOME
    assert sorted(mdmtheory._HOME) == sorted(mdmtheory.__all__)
    assert set(dir(mdmtheory)) == {*mdmtheory.__all__, "__version__"}


def test_importing_it_loads_no_heavy_library():
    code = "import mdmtheory, sys; print({'torch', 'numpy', 'scipy', 'languages'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'Orakel'"):
        mdmtheory.Orakel  # noqa: B018


def test_its_docstring_runs(capsys):
    """The example at the top, cut down in size."""
    block = mdmtheory.__doc__.split("\n\n")[1:3]
    code = "\n".join(line.strip() for part in block for line in part.splitlines())
    scope: dict[str, object] = {}
    exec(code.replace("64", "6").replace("hmm", "2-gram").replace("0.01", "0.5"), scope)
    assert scope["language"].vocab_size == 8
