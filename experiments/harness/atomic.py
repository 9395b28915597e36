"""Writing a file so that a reader sees all of it or none."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable
from pathlib import Path


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name in its own folder, flush it to the disk, then rename it into place.

    A process killed at any moment leaves the old file or the new one, never a part of it.

    Args:
        path: Where the file goes; its folder exists.
        write: Called once with the temporary path, which it must create.

    Raises:
        OSError: The folder cannot be written to; the old file is untouched.
    """
    # The random part keeps writers on several machines of a shared file system apart.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        write(temporary)
        with temporary.open("rb") as handle:
            os.fsync(handle.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text by `write_atomically`."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))
