"""Files that hold all of something or nothing."""

from __future__ import annotations

import os
import pathlib
import stat

import numpy as np
import pytest
import torch
from safetensors.numpy import save_file

from languages.files import checksum, remove_leftovers, write_atomically, write_text_atomically


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


def test_a_file_that_is_replaced_keeps_its_permissions(tmp_path):
    path = tmp_path / "shared"
    path.touch()
    path.chmod(0o664)
    old = os.umask(0o077)
    try:
        write_text_atomically(path, "all")
    finally:
        os.umask(old)
    assert (path.read_text(), stat.S_IMODE(path.stat().st_mode)) == ("all", 0o664)


@pytest.mark.parametrize("there", [True, False])
def test_a_link_stays_and_its_target_is_written(tmp_path, there):
    folder, link = tmp_path / "far", tmp_path / "link"
    folder.mkdir()
    target = folder / "target"
    if there:
        target.write_text("old")
    link.symlink_to(target)
    write_text_atomically(link, "new")
    assert link.is_symlink()
    assert (target.read_text(), list(folder.iterdir())) == ("new", [target])


@pytest.mark.parametrize("name", ["n" * 255, "ü" * 127, "n" * 246])
def test_names_of_any_length_that_a_file_may_have(tmp_path, name):
    write_text_atomically(tmp_path / name, "text")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [(name, "text")]


@pytest.mark.parametrize(
    ("path", "reason"),
    [
        ("nowhere/file", "there is no folder .*nowhere"),
        ("n" * 256, "name too long"),
        ("folder", "no regular file"),
        ("file/file", "there is no folder .*file"),
    ],
)
def test_what_cannot_be_written_is_named_and_nothing_is_touched(tmp_path, path, reason):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("old")
    with pytest.raises(OSError, match=reason) as error:
        write_atomically(tmp_path / path, lambda temporary: pytest.fail("nothing is written"))
    assert error.value.filename == str(tmp_path / path)
    assert ".tmp" not in str(error.value)
    assert sorted(file.name for file in tmp_path.iterdir()) == ["file", "folder"]
    assert (tmp_path / "file").read_text() == "old"


def test_devices_are_not_replaced():
    """Whoever saves to /dev/null as root would be left without one."""
    with pytest.raises(OSError, match="no regular file: '/dev/null'"):
        write_text_atomically(pathlib.Path("/dev/null"), "text")
    assert not pathlib.Path("/dev/null").is_file()


def test_leftovers_of_killed_writers_go_but_not_those_of_live_ones(tmp_path):
    path = tmp_path / "file"
    names = []

    def killed(temporary):
        names.append(temporary.name)
        temporary.write_text("half")
        raise KeyboardInterrupt

    for content in ("old", "young"):
        with pytest.raises(KeyboardInterrupt):
            write_atomically(path, killed)
        (tmp_path / names[-1]).write_text(content)  # as a kill would have left it
    os.utime(tmp_path / names[0], (0, 0))
    (tmp_path / "other.tmp").touch()
    os.utime(tmp_path / "other.tmp", (0, 0))
    remove_leftovers(path)
    assert sorted(file.name for file in tmp_path.iterdir()) == sorted([names[1], "other.tmp"])
