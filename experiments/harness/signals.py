"""Signals that end a run as Ctrl-C does: what Slurm, `docker stop` and a closed terminal send."""

from __future__ import annotations

import contextlib
import signal
import threading
from collections.abc import Iterator
from types import FrameType

ENDING = tuple(getattr(signal, name) for name in ("SIGTERM", "SIGHUP") if hasattr(signal, name))


class Ended(KeyboardInterrupt):
    """A signal asked this process to end.

    Attributes:
        number: Which.
    """

    def __init__(self, number: int) -> None:
        super().__init__(signal.Signals(number).name)
        self.number = number


@contextlib.contextmanager
def ending_like_ctrl_c() -> Iterator[None]:
    """Raise `Ended` in the main thread when such a signal comes; one that was ignored, as under nohup, stays so."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = {number: signal.getsignal(number) for number in ENDING}
    before = {number: handler for number, handler in before.items() if handler is signal.SIG_DFL}
    try:
        for number in before:
            signal.signal(number, _raise)
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def leave_signals_to_the_parent() -> None:
    """In a worker: whatever reaches the whole group of processes, the run alone decides what becomes of it."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, *ENDING):
            signal.signal(number, signal.SIG_IGN)


def _raise(number: int, frame: FrameType | None) -> None:
    # A second one, as impatient schedulers send, must not break off the tidying up.
    signal.signal(number, signal.SIG_IGN)
    raise Ended(number)
