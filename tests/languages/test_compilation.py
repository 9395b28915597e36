"""Compiled loops without a folder to keep them in, and the one line that says that they are compiled."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

FIRST = "import languages.hashing as h, numpy; h.mixed(numpy.uint64(1)); h.mixed(numpy.int64(1))"
NOWHERE = "import numba.core.caching as c; c.CacheImpl._locator_classes = []; "


def run(code, cache):
    environment = os.environ | {"NUMBA_CACHE_DIR": str(cache)}
    finished = subprocess.run([sys.executable, "-c", code], env=environment, capture_output=True, text=True, check=True)
    return finished.stderr.splitlines()


def test_the_first_compilation_says_so_once_and_the_next_process_nothing(tmp_path):
    assert run(FIRST, tmp_path) == ["languages: compiling loops for this machine, some seconds each, once"]
    assert run(FIRST, tmp_path) == []


def test_without_a_folder_that_can_be_written_loops_are_compiled_in_every_process(tmp_path):
    for _ in range(2):
        (line,) = run(NOWHERE + FIRST, tmp_path)
        assert line.endswith("in every process: no folder can be written to, set NUMBA_CACHE_DIR to one")
    assert not list(tmp_path.iterdir())


def test_other_errors_of_the_compiler_are_not_swallowed(monkeypatch):
    from languages import compilation

    def broken(**options):
        raise RuntimeError("cannot cache function: it is a lambda of a lambda")

    monkeypatch.setattr(compilation.numba, "njit", broken)
    with pytest.raises(RuntimeError, match="lambda of a lambda"):
        compilation.compiled(nogil=True)(lambda: None)
