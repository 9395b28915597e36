"""What a cell says of its work while it runs, in a line for whoever waits."""

from __future__ import annotations

import contextlib
import time
from pathlib import Path

from experiments.harness.folder import work_path

NAME = "doing.txt"
PAUSE_SECONDS = 0.5
"""A line that is younger is not replaced: a cell may say what it does as often as it likes."""


def tell(workdir: Path, line: str) -> None:
    """Say how far a cell is; nothing comes of it where the line cannot be written.

    Args:
        workdir: The folder that the cell was given.
        line: Such as "step 400 of 2000, 0.021 nats a token above the optimum, 40 s left".
    """
    with contextlib.suppress(OSError):
        path = workdir / NAME
        if not path.exists() or time.time() - path.stat().st_mtime >= PAUSE_SECONDS:
            path.write_text(line, encoding="utf-8")


def told(folder: Path, key: str) -> str:
    """What a cell last said, empty if nothing."""
    try:
        return (work_path(folder, key) / NAME).read_text(encoding="utf-8").partition("\n")[0]
    except (OSError, UnicodeDecodeError):
        return ""


def fall_silent(workdir: Path) -> None:
    """Take the line back, when the cell has ended."""
    with contextlib.suppress(OSError):
        (workdir / NAME).unlink(missing_ok=True)
