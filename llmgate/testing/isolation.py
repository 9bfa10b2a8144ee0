"""Catches code that reads a clock, draws random numbers, or opens a socket or a file.

It watches the calls of one thread and replaces nothing, so names that were imported earlier
(``from time import time``) are caught too.
"""

from __future__ import annotations

import datetime
import gc
import inspect
import io
import os
import random
import socket
import sys
import time
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from types import CodeType, FrameType
from typing import Any

__all__ = ["TouchedError", "Watch", "untouched"]


class TouchedError(AssertionError):
    """Something outside was touched; the message says what, and where."""


@contextmanager
def untouched(*, clock: bool = False) -> Generator[None]:
    """Within it, this thread touches no socket, file, clock, randomness or environment.

    With ``clock=True`` it may read the clock. What an ``import`` does on its way is not counted.
    What a compiled extension does by itself is not seen.

    Raises:
        TouchedError: at the call itself, and again at the end when that was swallowed.
    """
    watch, before, collects = Watch(_caller(), clock=clock), sys.getprofile(), gc.isenabled()
    gc.disable()  # finalizers of others are not ours to judge
    sys.setprofile(watch)
    try:
        yield
    finally:
        sys.setprofile(before)
        if collects:
            gc.enable()
        if watch.found:
            raise TouchedError(watch.found[0])


class Watch:
    """A function for ``sys.setprofile`` that raises at each call of what must not be touched.

    ``outside`` is the frame at which the code that is watched begins; ``found`` is what it touched.
    With ``clock=True`` the clock may be read.
    """

    def __init__(self, outside: FrameType | None = None, *, clock: bool = False) -> None:
        self.found: list[str] = []
        self._allowed = {_CLOCK} if clock else set[str]()
        self._outside = outside
        self._code = _forbidden_code()

    def __call__(self, frame: FrameType, event: str, argument: Any) -> None:
        """Look at one event.

        Raises:
            TouchedError: when it is the call of something outside, but for an ``import``.
        """
        if event == "call":
            what = self._code.get(frame.f_code)
        else:
            what = _forbidden_builtin(argument) if event == "c_call" else None
        if what in self._allowed or what is None or _is_importing(frame, self._outside):
            return
        self.found.append(f"{what} in {_place(frame)}")
        raise TouchedError(self.found[-1])


_CLOCK = "the clock was read"
_BUILTINS = {
    time.time: _CLOCK,
    time.time_ns: _CLOCK,
    time.monotonic: _CLOCK,
    time.monotonic_ns: _CLOCK,
    time.perf_counter: _CLOCK,
    time.perf_counter_ns: _CLOCK,
    time.process_time: _CLOCK,
    time.sleep: "time was slept away",
    os.urandom: "randomness was drawn",
    os.open: "a file was opened",
    io.open: "a file was opened",
}


def _forbidden_builtin(function: Any) -> str | None:
    owner = getattr(function, "__self__", None)
    if isinstance(owner, type):
        is_now = function.__name__ in ("now", "utcnow", "today")
        return _CLOCK if is_now and issubclass(owner, datetime.date) else None
    if issubclass(type(owner), random.Random):
        return "randomness was drawn"
    return _BUILTINS.get(function)


def _forbidden_code() -> dict[CodeType, str]:
    environment: Any = type(os.environ)
    initialize: Any = socket.socket.__init__
    resolve: Any = socket.getaddrinfo
    return {
        resolve.__code__: "a name was resolved",
        environment.__getitem__.__code__: "the environment was read",
        environment.__iter__.__code__: "the environment was read",
        initialize.__code__: "a socket was made",
    }


def _callers(frame: FrameType | None, end: FrameType | None = None) -> Iterator[FrameType]:
    while frame is not None and frame is not end:
        yield frame
        frame = frame.f_back


def _is_importing(frame: FrameType, outside: FrameType | None) -> bool:
    return any(
        "importlib._bootstrap" in caller.f_code.co_filename for caller in _callers(frame, outside)
    )


def _caller() -> FrameType | None:
    """The frame that holds the ``with`` statement, seen from the context manager's own code."""
    frame = inspect.currentframe()
    for _ in range(3):
        frame = frame.f_back if frame is not None else None
    return frame


def _place(frame: FrameType) -> str:
    """The nearest code that is not the standard library's."""
    library = os.path.dirname(os.__file__)
    callers = (caller.f_code for caller in _callers(frame))
    code = next((c for c in callers if not c.co_filename.startswith(library)), frame.f_code)
    return f"{code.co_qualname} ({os.path.basename(code.co_filename)}:{code.co_firstlineno})"
