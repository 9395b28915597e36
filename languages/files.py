"""Files that hold all of something or nothing, and that show it when a byte of theirs has changed."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
import time
import uuid
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor


def write_atomically(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file under a temporary name in its own folder, flush it to the disk, then rename it into place.

    A process killed at any moment leaves the old file or the new one, never a part of it. Where a link points to the
    file, the link stays. A file that is replaced keeps its permissions, a new one gets those of the umask.

    Args:
        path: Where the file goes; its folder exists.
        write: Called once with the temporary path, which it must write.

    Raises:
        OSError: It cannot be written; the message names `path` and says why, and the old file is untouched.
    """
    target = Path(os.path.realpath(path))
    # The random part keeps writers on several machines of a shared file system apart.
    temporary = target.with_name(f"{_hidden(target)}{uuid.uuid4().hex[:12]}.tmp")
    try:
        mode = _mode(target)
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode if mode is None else mode
        write(temporary)
        # A writer may have put a file of its own there, which others could not read.
        temporary.chmod(stat.S_IMODE(mode))
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # the name must never point to data that a power cut can lose
        os.replace(temporary, target)
    except OSError as error:
        reason = error.strerror or str(error)
        if not target.parent.is_dir():
            reason = f"there is no folder {target.parent}"
        # Not the temporary name, which says nothing to whoever reads the error.
        raise OSError(error.errno or errno.EIO, reason, str(path)) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def remove_leftovers(path: Path, *, older_than: float = 3600.0) -> None:
    """Delete what killed writers of a file left beside it, unless it is so young that one may still be at work.

    Args:
        path: The file.
        older_than: Seconds since they were last written to.
    """
    target = Path(os.path.realpath(path))
    oldest = time.time() - older_than
    for name in os.listdir(target.parent):
        leftover = target.parent / name
        if name.startswith(_hidden(target)) and name.endswith(".tmp") and leftover.stat().st_mtime < oldest:
            with contextlib.suppress(OSError):
                leftover.unlink()


def _hidden(target: Path) -> str:
    """What the temporary names of a file begin with: so much of its own that the whole has at most 255 bytes."""
    return f".{os.fsdecode(os.fsencode(target.name)[:200])}."


def _mode(target: Path) -> int | None:
    """Permissions of a file, None if there is none.

    Raises:
        OSError: It is something else, such as a folder or a device, or cannot be looked at.
    """
    try:
        mode = target.stat().st_mode
    except FileNotFoundError:
        return None
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no regular file", str(target))
    return mode


def write_text_atomically(path: Path, text: str) -> None:
    """Write UTF-8 text by `write_atomically`."""
    write_atomically(path, lambda temporary: temporary.write_text(text, encoding="utf-8"))


def checksum(tables: Mapping[str, NDArray[Any]] | Mapping[str, Tensor], content: str = "") -> int:
    """CRC-32 of a text and of every table's name, type, shape and bytes, in the order of names.

    Args:
        tables: Contiguous arrays, or tensors on the CPU.
        content: The text.
    """
    total = zlib.crc32(content.encode())
    for name in sorted(tables):
        table = tables[name]
        total = zlib.crc32(f"{name} {table.dtype} {tuple(table.shape)}".encode(), total)
        total = zlib.crc32(_bytes(table).data, total)
    return total


def _bytes(table: NDArray[Any] | Tensor) -> NDArray[np.uint8]:
    if isinstance(table, np.ndarray):
        return table.reshape(-1).view(np.uint8)
    import torch  # what writes text alone goes without

    # By way of bytes, for numpy lacks some types of torch.
    return table.reshape(-1).view(torch.uint8).numpy()
