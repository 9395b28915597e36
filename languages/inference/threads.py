"""Compiled loops on several threads: as many as torch uses, each taking pieces of the rows in turn."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import torch

LEAST_WORK = 2e5
"""Nanoseconds of work that are worth a piece of their own."""
PIECES = 4
"""Pieces for each thread: one that shares its core with others, such as torch's own waiting ones, takes fewer."""


def over_rows(function: Callable[[int, int], None], rows: int, work: float, *, multiple: int = 1) -> None:
    """Call `function(begin, end)` on pieces that together cover the rows, several at the same time.

    Args:
        function: Releases the interpreter's lock and writes to its own rows only, so that nothing depends on the split.
        rows: Number of rows.
        work: Nanoseconds it takes on one thread, roughly; little work stays on the calling thread.
        multiple: Pieces begin at multiples of this.
    """
    threads = torch.get_num_threads()
    pieces = max(1, min(PIECES * threads, int(work // LEAST_WORK), -(-rows // multiple)))
    if min(threads, pieces) == 1:
        function(0, rows)
        return
    size = -(-rows // (pieces * multiple)) * multiple
    begins, lock = iter(range(0, rows, size)), threading.Lock()

    def take() -> None:
        while True:
            with lock:
                begin = next(begins, rows)
            if begin >= rows:
                return
            function(begin, min(begin + size, rows))

    helpers = _pool(threads - 1)
    others = [helpers.submit(take) for _ in range(min(threads, pieces) - 1)]
    take()
    for other in others:
        # A helper that has not begun has nothing left to do: on a busy machine its turn may be long in coming.
        if not other.cancel():
            other.result()


_pools: dict[int, ThreadPoolExecutor] = {}


def _pool(threads: int) -> ThreadPoolExecutor:
    """Helpers, started once: to start a thread takes longer than many a call."""
    if threads not in _pools:
        _pools[threads] = ThreadPoolExecutor(threads, thread_name_prefix="languages")
    return _pools[threads]


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_pools.clear)  # threads do not survive a fork
