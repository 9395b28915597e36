"""Compiled loops: kept on disk where that can be written, and announced when they are compiled anew."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, ClassVar

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
        _Announcement.ours.add(function)
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
    ours: ClassVar[set[Callable[..., Any]]] = set()

    def on_start(self, event: event.Event) -> None:
        function = event.data["dispatcher"].py_func
        if self.said or function not in self.ours:
            return
        self.said = True
        again = "once" if self.kept else "in every process: no folder can be written to, set NUMBA_CACHE_DIR to one"
        package = function.__module__.partition(".")[0]
        print(f"{package}: compiling loops for this machine, some seconds each, {again}", file=sys.stderr)

    def on_end(self, event: event.Event) -> None:
        pass


event.register("numba:compile", _Announcement())
