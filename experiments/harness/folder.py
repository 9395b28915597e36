"""The folder of a run: writable, and used by one run at a time."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterable, Iterator
from pathlib import Path

from experiments.harness.cell_files import cell_path

try:
    import fcntl
except ImportError:  # no such locks on Windows; two runs in one folder are then the user's to avoid
    fcntl = None  # type: ignore[assignment]


@contextlib.contextmanager
def claimed(folder: Path) -> Iterator[None]:
    """Create a results folder, prove that it can be written to, and hold its lock until the block ends.

    The lock dies with the process, so nothing needs cleaning up after a kill.

    Raises:
        ValueError: The folder cannot be created or written to, or another run is using it.
    """
    lock = folder / ".lock"
    try:
        (folder / "cells").mkdir(parents=True, exist_ok=True)
        probe = folder / "cells" / f".probe.{os.getpid()}"
        probe.touch()
        probe.unlink()
        handle = lock.open("a")
    except OSError as error:
        raise ValueError(f"--out {folder} is not a writable folder: {error.strerror or error}") from None
    with handle:
        if fcntl is not None:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise ValueError(f"another run is using {folder}: wait for it, or choose another --out") from None
            except OSError:
                pass  # a file system without locks
            else:
                _sweep(folder)
        yield


def _sweep(folder: Path) -> None:
    """Delete what writers that were killed have left half done; nobody else is at work here while the lock is held."""
    for pattern in ("*.tmp", "*.partial"):
        for place in (folder.glob(pattern), *((folder / name).rglob(pattern) for name in ("cells", "errors", "work"))):
            for left in [path for path in place if path.name.startswith(".") or pattern == "*.partial"]:
                with contextlib.suppress(OSError):
                    shutil.rmtree(left) if left.is_dir() else left.unlink()


def forget(folder: Path, keys: Iterable[str]) -> None:
    """Delete the results, errors and working folders of these cells; others are left alone."""
    for key in keys:
        cell_path(folder, key).unlink(missing_ok=True)
        error_path(folder, key).unlink(missing_ok=True)
        shutil.rmtree(work_path(folder, key), ignore_errors=True)


def work_path(folder: Path, key: str) -> Path:
    """The working folder of a cell, where checkpoints outlive an interruption."""
    return folder / "work" / key


def error_path(folder: Path, key: str) -> Path:
    """Where the traceback of a failed cell is kept until it succeeds."""
    return folder / "errors" / f"{key}.txt"
