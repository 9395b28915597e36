"""Compiled loops without a folder to keep them in, and the one line that says that they are compiled."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys

import pytest

LOOPS = """
import sys

from languages.compilation import compiled

sys.modules["languages.loops"] = sys.modules[__name__]

def half(x):
    return x / 2

def third(x):
    return x / 3

for loop in (half, third):
    loop.__module__ = "languages.loops"
    compiled(nogil=True)(loop)(6.0)
"""
NOWHERE = "import numba.core.caching as caching; caching.CacheImpl._locator_classes = []; import loops"


def run(tmp_path, code):
    """What a process that compiles two loops says on stderr; they are kept under `tmp_path`."""
    (tmp_path / "loops.py").write_text(LOOPS)
    paths = os.pathsep.join([str(tmp_path), str(pathlib.Path(__file__).parents[2])])
    environment = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path / "cache"), "PYTHONPATH": paths}
    command = [sys.executable, "-B", "-c", code]
    return subprocess.run(command, env=environment, capture_output=True, text=True, check=True).stderr.splitlines()


def test_the_first_compilation_says_so_once_and_the_next_process_nothing(tmp_path):
    assert run(tmp_path, "import loops") == ["languages: compiling loops for this machine, some seconds each, once"]
    assert run(tmp_path, "import loops") == []


def test_without_a_folder_that_can_be_written_loops_are_compiled_in_every_process(tmp_path):
    (line,) = run(tmp_path, NOWHERE)
    assert line.endswith("in every process: no folder can be written to, set NUMBA_CACHE_DIR to one")
    assert [file.name for file in tmp_path.iterdir()] == ["loops.py"]


def test_other_errors_of_the_compiler_are_not_swallowed(monkeypatch):
    from languages import compilation

    def broken(**options):
        raise RuntimeError("cannot cache function: it is a lambda of a lambda")

    monkeypatch.setattr(compilation.numba, "njit", broken)
    with pytest.raises(RuntimeError, match="lambda of a lambda"):
        compilation.compiled(nogil=True)(lambda: None)
