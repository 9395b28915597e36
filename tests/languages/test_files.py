"""Files that hold all of something or nothing."""

from __future__ import annotations

import os
import stat

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from languages.files import checksum, write_atomically, write_text_atomically


def test_a_write_that_fails_leaves_the_old_file(tmp_path):
    path = tmp_path / "file"
    write_text_atomically(path, "old")

    def write(temporary):
        temporary.write_text("half of the n")
        raise OSError("disk full")

    with pytest.raises(OSError, match="disk full"):
        write_atomically(path, write)
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_others_may_read_what_the_umask_lets_them(tmp_path):
    """Safetensors writes files that their owner alone can read."""
    old = os.umask(0o022)
    try:
        write_text_atomically(tmp_path / "text", "all")
        write_atomically(tmp_path / "tables", lambda temporary: save_file({"x": np.zeros(2)}, temporary))
    finally:
        os.umask(old)
    assert [stat.S_IMODE((tmp_path / name).stat().st_mode) for name in ("text", "tables")] == [0o644, 0o644]
    assert len(list(tmp_path.iterdir())) == 2


def test_checksums_are_those_of_old_files():
    """CRC-32 of the text, then of name, type, shape and bytes of each table, in the order of names."""
    tables = {"b": np.arange(6.0).reshape(2, 3), "a": np.zeros((0, 2), dtype=np.int64)}
    assert checksum(tables, "content") == 950835943
    tensors = {"b": torch.arange(6.0).reshape(2, 3), "a": torch.zeros(0, 2), "h": torch.ones(3, dtype=torch.bfloat16)}
    assert checksum(tensors) == 922766978
