"""What work may cost, and one clear error for what costs more, before any of it is done."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import torch

GROUP = Path("/sys/fs/cgroup")
"""Where Linux says what this group of processes may take."""
MOST_OPERATIONS = 3e11
"""Operations of one calculation, where it names no number of its own: some twenty seconds of two cores in products."""


def check_budget(
    what: str,
    instead: str,
    *,
    operations: float = 0.0,
    most: float = MOST_OPERATIONS,
    memory: float = 0.0,
    device: torch.device | str = "cpu",
) -> None:
    """Refuse work that takes too long or does not fit in memory.

    Args:
        what: The work, with the arguments that make it large: "the transition of num_symbols=20000".
        instead: The nearest thing that would do: "take num_symbols up to 5000", or another function.
        operations: Of what it is made of: products, states, network calls.
        most: The most of these that are done.
        memory: Bytes held at once.
        device: Where they are held.

    Raises:
        ValueError: It costs more than there is; the message has the cost and both texts.
    """
    if operations > most:
        raise ValueError(f"{what} takes {operations:.2g} operations, more than {most:.2g}; {instead}")
    if memory:
        check_memory(memory, device, what, instead)


def largest(affordable: Callable[[int], bool], beyond: int) -> int:
    """The largest size below `beyond` that is affordable, 0 if none is: what a refusal offers instead.

    Args:
        affordable: Whether a size is; true up to some size and false from there on.
        beyond: A size that is not.
    """
    low, high = 0, beyond
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if affordable(middle) else (low, middle)
    return low


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


def total_bytes() -> float:
    """Memory of this machine, or of the group of processes that this one belongs to; infinite where nobody says."""
    total = float(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")) if hasattr(os, "sysconf") else math.inf
    try:
        return min(total, float((GROUP / "memory.max").read_text()))
    except (OSError, ValueError):  # no such limit here
        return total


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
        limit, used = (int((GROUP / name).read_text()) for name in ("memory.max", "memory.current"))
        # Files read once count as used until somebody needs their memory: after an hour of reading all would be "used".
        lines = (GROUP / "memory.stat").read_text().splitlines()
        used -= next((int(line.split()[1]) for line in lines if line.startswith("inactive_file ")), 0)
        available = min(available, max(0, limit - used))
    except (OSError, ValueError):
        pass  # no such limit here
    return available
