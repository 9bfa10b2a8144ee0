"""The same calls without async: one background event loop for the process, and streams over it.

It runs coroutines elsewhere and waits for them; it knows nothing of what they do.
"""

from __future__ import annotations

import asyncio
import atexit
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from llmgate._core.iterators import text_of
from llmgate._exchange import Exchange, HasExchange
from llmgate.types import Chunk, Completion, Usage

if TYPE_CHECKING:
    from anyio.from_thread import BlockingPortal

    from llmgate._core.stream import Stream

__all__ = ["SyncStream", "run"]

Result = TypeVar("Result")

_PATIENCE_AT_EXIT = 2.0


class _Background:
    """The process's background loop: started when first needed, stopped at exit, not inherited.

    Not anyio's ``start_blocking_portal``: its context manager waits for its thread when it is
    closed, and in a forked child, where that thread does not exist, for ever.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._portal: BlockingPortal | None = None
        self.is_stopped = False

    def portal(self) -> BlockingPortal:
        with self._lock:
            if self._portal is None:
                ready: Future[BlockingPortal] = Future()
                thread = threading.Thread(
                    target=_serve, args=(ready,), name="llmgate-sync", daemon=True
                )
                thread.start()
                self._portal = ready.result()
                atexit.register(self._stop, thread)
            return self._portal

    def _stop(self, thread: threading.Thread) -> None:
        if thread.is_alive():  # a forked child inherits this call, but not the thread
            self.is_stopped = True
            self.portal().start_task_soon(self.portal().stop, True)
            thread.join(_PATIENCE_AT_EXIT)


def _serve(ready: Future[BlockingPortal]) -> None:
    from anyio.from_thread import BlockingPortal  # noqa: PLC0415 - not paid for by async callers

    async def serve() -> None:
        async with BlockingPortal() as portal:
            ready.set_result(portal)
            await portal.sleep_until_stopped()

    asyncio.run(serve())


_background = _Background()


def _start_anew() -> None:
    """A forked child has no thread of its parent's, and so needs a loop of its own."""
    global _background  # noqa: PLW0603 - the one process-wide thing there is
    _background = _Background()


with suppress(AttributeError):  # there is no forking on Windows
    os.register_at_fork(after_in_child=_start_anew)


def run(make: Callable[[], Awaitable[Result]]) -> Result:
    """Await something on the background loop; an interrupt here cancels it there."""
    background = _background
    future: Future[Result | _Passed] = background.portal().start_task_soon(_await, make)
    try:
        result = future.result()
    except CancelledError:
        if background.is_stopped:  # the process ends, and this is one of its daemon threads
            raise SystemExit from None
        raise
    except BaseException:
        future.cancel()
        raise
    if isinstance(result, _Passed):
        raise result.error
    return result


@dataclass(frozen=True, slots=True)
class _Passed:
    """What would end the background loop, for everybody, if it were raised there."""

    error: BaseException


async def _await(make: Callable[[], Awaitable[Result]]) -> Result | _Passed:
    try:
        return await make()
    except BaseException as error:
        if isinstance(error, Exception | asyncio.CancelledError):
            raise
        return _Passed(error)


class SyncStream(HasExchange):
    """A :class:`~llmgate.Stream` for ``for``. A loop that is left by ``break`` can be resumed."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ready: deque[Chunk] = deque()

    # --- what it tells ---

    @property
    def usage(self) -> Usage | None:
        """What was billed, as far as the provider has said; it says so at the end."""
        return self._stream.usage

    @property
    def exchange(self) -> Exchange:
        """How it is obtained: headers, request id, attempts, report."""
        return self._stream.exchange

    # --- what it gives ---

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Chunk:
        while True:
            try:
                return self._ready.popleft()
            except IndexError:  # asked first, another thread could take the last one
                pass
            batch = run(self._stream.next_batch)
            if not batch:
                raise StopIteration
            self._ready.extend(batch)

    def text(self) -> Iterator[str]:
        """Only the text of the first choice, piece by piece."""
        return filter(None, map(text_of, self))

    def completion(self) -> Completion:
        """The whole answer, reading what is left of it."""
        self._ready.clear()
        return run(self._stream.completion)

    def close(self) -> None:
        """Close the connection."""
        self._ready.clear()
        run(self._stream.aclose)

    def __repr__(self) -> str:
        return f"<Sync{repr(self._stream).lstrip('<')}"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
