"""Files that hold all of something or nothing, and that show it when a byte of theirs has changed."""

from __future__ import annotations

import os
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

    A process killed at any moment leaves the old file or the new one, never a part of it.

    Args:
        path: Where the file goes; its folder exists.
        write: Called once with the temporary path, which it must write.

    Raises:
        OSError: The folder cannot be written to; the old file is untouched.
    """
    # The random part keeps writers on several machines of a shared file system apart.
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex[:12]}.tmp")
    try:
        temporary.touch(exist_ok=False)
        mode = temporary.stat().st_mode
        write(temporary)
        # A writer may have put a file of its own there, which others could not read.
        temporary.chmod(mode)
        with temporary.open("rb") as written:
            os.fsync(written.fileno())  # the name must never point to data that a power cut can lose
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


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
