"""What memory a calculation may take, and one clear error for those that need more."""

from __future__ import annotations

import os
from pathlib import Path

import torch


def free_bytes(device: torch.device | str = "cpu") -> int:
    """Bytes that may still be allocated on a device: what the system has available, within the group's limit."""
    device = torch.device(device)
    if device.type == "cuda":
        return int(torch.cuda.mem_get_info(device)[0])
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        available = next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        available = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    try:
        group = Path("/sys/fs/cgroup")
        limit, used = ((group / name).read_text() for name in ("memory.max", "memory.current"))
        available = min(available, max(0, int(limit) - int(used)))
    except (OSError, ValueError):
        pass  # no such limit here
    return available


def check_memory(needed: float, device: torch.device | str, what: str, instead: str) -> None:
    """Refuse what does not fit.

    Args:
        needed: Bytes.
        device: Where.
        what: What needs them, with its sizes.
        instead: The nearest thing that would do.

    Raises:
        ValueError: More bytes than are free.
    """
    free = free_bytes(device)
    if needed > free:
        raise ValueError(
            f"{what} needs {needed / 2**30:.3g} GiB, and {free / 2**30:.3g} GiB are free on {device}; {instead}"
        )
