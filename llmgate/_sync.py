"""The same calls without async: one background event loop for the process, and streams over it.

It runs coroutines elsewhere and waits for them; it knows nothing of what they do.
"""

from __future__ import annotations

import atexit
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import Future
from contextlib import AbstractContextManager
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar

from llmgate.types import Chunk, Completion

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from llmgate._stream import Stream

__all__ = ["SyncStream", "run"]

Result = TypeVar("Result")


class _Background:
    """The process's background loop: started when first needed, stopped at exit, not inherited."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self._manager: AbstractContextManager[BlockingPortal] | None = None

    def portal(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                from anyio.from_thread import start_blocking_portal  # noqa: PLC0415 - first use

                self._manager = start_blocking_portal("asyncio", name="llmgate-sync")
                self._portal = self._manager.__enter__()
                atexit.register(self._stop)
            return self._portal

    def _stop(self) -> None:
        with self._lock:
            manager, self._manager, self._portal = self._manager, None, None
        if manager is not None:
            manager.__exit__(None, None, None)


_background = _Background()


def _start_anew() -> None:
    """A forked child has no thread of its parent's, and so needs a loop of its own."""
    global _background  # noqa: PLW0603 - the one process-wide thing there is
    _background = _Background()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_start_anew)


def run(make: Callable[[], Awaitable[Result]]) -> Result:
    """Await something on the background loop; an interrupt here cancels it there."""
    future: Future[Result] = _background.portal().start_task_soon(_await, make)
    try:
        return future.result()
    except BaseException:
        future.cancel()
        raise


async def _await(make: Callable[[], Awaitable[Result]]) -> Result:
    return await make()


class SyncStream:
    """A :class:`~llmgate.Stream` for ``for``: chunk by chunk, closed when the loop is left."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ready: deque[Chunk] = deque()

    def __getattr__(self, name: str) -> Any:
        """``usage``, ``report``, ``headers`` … are the stream's."""
        if name in _TOLD:
            return getattr(self._stream, name)
        raise AttributeError(name)

    def __iter__(self) -> Iterator[Chunk]:
        try:
            while (chunk := self._next()) is not None:
                yield chunk
        finally:
            self.close()

    def __next__(self) -> Chunk:
        chunk = self._next()
        if chunk is None:
            raise StopIteration
        return chunk

    def text(self) -> Iterator[str]:
        """Only the text of the first choice, piece by piece."""
        for chunk in self:
            for choice in chunk.choices:
                if choice.index == 0 and choice.delta.content:
                    yield choice.delta.content

    def completion(self) -> Completion:
        """The whole answer, reading what is left of it."""
        return run(self._stream.completion)

    def close(self) -> None:
        """Close the connection."""
        run(self._stream.aclose)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

    def _next(self) -> Chunk | None:
        if not self._ready:
            self._ready.extend(run(self._stream.next_batch))
        return self._ready.popleft() if self._ready else None


_TOLD = frozenset(
    {
        "attempts",
        "exchange",
        "headers",
        "provider",
        "rate_limit",
        "report",
        "request_id",
        "usage",
    }
)
