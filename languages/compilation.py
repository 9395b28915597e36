"""Compiled loops: kept on disk where that can be written, and announced when they are compiled anew."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any

import numba
from numba.core import event


def compiled(**options: Any) -> Callable[[Callable[..., Any]], Any]:
    """A decorator that compiles a function when it is first called, as `numba.njit` does.

    The code is kept beside its source or under the user's home, or where NUMBA_CACHE_DIR says. Where none of these can
    be written to, as in a read-only container, it is compiled in every process.

    Args:
        options: As for `numba.njit`.
    """

    def compile_(function: Callable[..., Any]) -> Any:
        try:
            return numba.njit(cache=True, **options)(function)
        except RuntimeError as error:
            if "no locator available" not in str(error):
                raise
            _Announcement.kept = False
            return numba.njit(**options)(function)

    return compile_


class _Announcement(event.Listener):
    """One line on stderr before the first loop is compiled: what is slow, and whether it will be again."""

    kept, said = True, False

    def on_start(self, event: event.Event) -> None:
        ours = event.data["dispatcher"].py_func.__module__.startswith(f"{__package__}.")
        if self.said or not ours:
            return
        self.said = True
        again = "once" if self.kept else "in every process: no folder can be written to, set NUMBA_CACHE_DIR to one"
        print(f"{__package__}: compiling loops for this machine, some seconds each, {again}", file=sys.stderr)

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())
