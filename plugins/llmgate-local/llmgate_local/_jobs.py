"""A generation between the thread that makes it and the task that reads it; it knows no server."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import deque
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, TypeVar

from llmgate_local._errors import EngineError, closed_error, engine_error

__all__ = ["Job", "exiting", "outcome"]

Result = TypeVar("Result")

exiting = threading.Event()
"""Set when the process ends: from then on nobody is woken, and no model is loaded."""


async def outcome(future: Future[Result]) -> Result:
    """Wait for another thread's result. Being cancelled here changes nothing for the future."""
    waiter = asyncio.get_running_loop().create_future()
    future.add_done_callback(lambda _: wake(waiter))
    await waiter
    return future.result()


def wake(waiter: asyncio.Future[None]) -> None:
    """Let go on what awaits this future, in whatever thread its loop runs."""
    # The loop may be closed by now, and then nobody waits.
    with suppress(RuntimeError):
        waiter.get_loop().call_soon_threadsafe(_release, waiter)


def _release(waiter: asyncio.Future[None]) -> None:
    if not waiter.done():
        waiter.set_result(None)


class Job:
    """A generation between the thread that makes it and the task that reads it.

    Its lock can be taken again by the thread that has it, for the garbage collector may call stop
    in the midst of anything.
    """

    def __init__(self, body: Mapping[str, Any], on_stop: Callable[[], None]) -> None:
        """Encode the request.

        Raises:
            TypeError: the body holds what JSON cannot say.
            ValueError: likewise.
            RecursionError: it is nested too deeply.
        """
        streamed = {**body, "stream": True, "return_progress": True}
        self.body = json.dumps(streamed, allow_nan=False).encode()
        self.stopped = False
        choices = body.get("n")
        self.choices = choices if isinstance(choices, int) else 1
        self._shows_progress = bool(body.get("return_progress"))
        self._on_stop = on_stop
        self._lock = threading.RLock()
        self._chunks: deque[dict[str, Any]] = deque()
        self._ended = False
        self._error: EngineError | None = None
        self._waiters: list[asyncio.Future[None]] = []

    def receive(self, data: bytes) -> bool:
        """Take what llama.cpp calls back with.

        Returns:
            whether it shall stop. Nothing is raised, for xllamacpp would swallow it.
        """
        if self.stopped:
            return True
        try:
            chunk: dict[str, Any] = json.loads(data.decode("utf-8", "replace"))
        except ValueError as error:
            self.end(engine_error(500, "server_error", f"llama.cpp's answer is not JSON: {error}"))
            return True
        if "error" in chunk:
            self.end(EngineError(int(chunk["error"].get("code", 500)), chunk["error"]))
            return True
        if self._shows_progress or "prompt_progress" not in chunk:
            self._put(chunk)
        return self.stopped

    def _put(self, chunk: dict[str, Any]) -> None:
        with self._lock:
            self._chunks.append(chunk)
            self._wake_all()

    def end(self, error: EngineError | None = None) -> None:
        """Let no more chunks come, and an error in their place if there is one. Counts once."""
        # Daemon threads may still wait at exit. They wait on: with its EngineError, one of them
        # would write a traceback to stderr.
        if exiting.is_set():
            return
        with self._lock:
            if not self._ended:
                self._ended = True
                self._error = error
            self._wake_all()

    def stop(self, error: EngineError | None = None) -> None:
        """End, forget what was not read yet, and let llama.cpp know at its next callback."""
        with self._lock:
            self.stopped = True
            self._chunks.clear()
            self.end(error)
        self._on_stop()

    def waiter(self) -> asyncio.Future[None] | None:
        """What to await until there is something to take; None when there is.

        Raises:
            EngineError: the process ends in this very thread, which must not wait for ever.
        """
        if exiting.is_set() and threading.current_thread() is threading.main_thread():
            raise closed_error()
        with self._lock:
            if self._chunks or self._ended:
                return None
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            return waiter

    def take(self) -> dict[str, Any] | None:
        """The next chunk, or None at the end.

        Raises:
            EngineError: the end came with it.
        """
        with self._lock:
            if self._chunks:
                return self._chunks.popleft()
            if self._error is not None:
                raise self._error
            return None

    def _wake_all(self) -> None:
        waiters, self._waiters = self._waiters, []
        for waiter in waiters:
            wake(waiter)

    def renew_lock(self) -> None:
        """In a forked child: a thread of the parent's may have held the lock."""
        self._lock = threading.RLock()
