"""Calls without async: one background event loop per process, and streams on top of it.

It runs coroutines on that loop and waits for them; it does not know what they do.
"""

from __future__ import annotations

import asyncio
import atexit
import contextvars
import os
import threading
from collections import deque
from collections.abc import Awaitable, Callable, Iterator
from concurrent.futures import CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self, TypeVar
from weakref import WeakSet

from llmgate._core.source import text_of
from llmgate._core.stream import Stream
from llmgate._exchange import Exchange, HasExchange
from llmgate._text.hints import HoldsConnections, SyncOnly
from llmgate.errors import LLMGateError, describe_error
from llmgate.types import Chunk, Completion, Usage

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llmgate._core.partial import ValueIterator
    from llmgate.cost import Cost

Result = TypeVar("Result")

_EXIT_SECONDS = 2.0


class _Background:
    """The process's background loop: started when first needed, stopped at exit, not inherited by
    forks.

    Once the main thread has ended, no loop is started, since Python 3.12 and later start no threads
    then: each calling thread runs a loop itself.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._started: Future[_BackgroundLoop] | None = None
        self._here: _CallerLoop | None = None
        self.is_stopped = False

    def served(self) -> _BackgroundLoop | None:
        """The background thread's loop; None when the process is ending without one."""
        with self._lock:
            if _is_to_start(self._started) and threading.main_thread().is_alive():
                self._started = self._start()
            started = self._started
        return None if started is None or self.is_stopped else started.result()

    def submit(self, make: Callable[[], Awaitable[Result]]) -> Future[Result | _Interrupt] | None:
        """Schedule something on the background loop; None if there is no such loop, or it has
        stopped.

        Nothing is submitted once it is stopping, since nothing would run it.
        """
        served = self.served()
        with self._lock:
            if served is None or self.is_stopped:
                return None
            return asyncio.run_coroutine_threadsafe(_await(make), served.loop)

    def here(self) -> _CallerLoop:
        """The loop that calling threads run themselves."""
        if self.is_stopped and threading.current_thread().daemon:
            raise SystemExit  # only daemon threads reach this
        with self._lock:
            if self._here is None:
                self._here = _CallerLoop()
                atexit.register(self._here.close)
            return self._here

    def tidy(self) -> None:
        """Let the callers' loop close streams that were dropped."""
        if self._here is not None:
            self._here.tidy()

    def _start(self) -> Future[_BackgroundLoop] | None:
        started: Future[_BackgroundLoop] = Future()
        thread = threading.Thread(target=_serve, args=(started,), name="llmgate-sync", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # no more threads can be started
            return None
        atexit.register(self._stop, thread)
        return started

    def _stop(self, thread: threading.Thread) -> None:
        if thread.is_alive() and self._started is not None:  # a forked child has no thread
            with self._lock:
                self.is_stopped = True
            served = self._started.result()
            served.loop.call_soon_threadsafe(served.stopped.set)
            thread.join(_EXIT_SECONDS)


@dataclass(frozen=True, slots=True)
class _BackgroundLoop:
    """An event loop that a background thread runs until it is stopped."""

    loop: asyncio.AbstractEventLoop
    stopped: asyncio.Event


def _is_to_start(started: Future[_BackgroundLoop] | None) -> bool:
    return started is None or (started.done() and started.exception() is not None)


def _serve(started: Future[_BackgroundLoop]) -> None:
    async def serve() -> None:
        stopped = asyncio.Event()
        started.set_result(_BackgroundLoop(asyncio.get_running_loop(), stopped))
        await stopped.wait()

    try:
        with asyncio.Runner() as runner:
            runner.run(serve())
    except OSError as error:  # for example, no file descriptor is left
        reason = f"no event loop could be made: {describe_error(error)}"
        started.set_exception(LLMGateError(reason))


class _CallerLoop:
    """A loop that the calling threads run themselves, one at a time.

    It is closed as soon as no stream is open, since nothing runs after the last ``atexit``
    function.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._runner = asyncio.Runner()
        self._streams = WeakSet[Stream]()

    def run(self, make: Callable[[], Awaitable[Result]]) -> Result | _Interrupt:
        """Await something on it.

        Raises:
            LLMGateError: when a loop is running in this thread already.
        """
        if _is_in_a_loop():
            raise LLMGateError(_ENDING)
        with self._lock:
            try:
                result = self._runner.run(_await(make), context=contextvars.copy_context())
                if isinstance(result, Stream):
                    self._streams.add(result)
                return result
            finally:
                self._close_if_idle()

    def tidy(self) -> None:
        """Close streams that were dropped, unless the loop is busy: then it closes them soon."""
        if not _is_in_a_loop() and self._lock.acquire(blocking=False):
            try:
                if self._streams:
                    self._runner.run(asyncio.sleep(0))
                self._close_if_idle()
            finally:
                self._lock.release()

    def close(self) -> None:
        """Close what is still open on it."""
        with self._lock:
            self._streams.clear()
            self._close_if_idle()

    def _close_if_idle(self) -> None:
        if not any(stream.is_open for stream in self._streams):
            self._streams.clear()
            self._runner.close()
            self._runner = asyncio.Runner()


def _is_in_a_loop() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


_ENDING = "the process is ending, so no call can run inside a running event loop: await it"
_background = _Background()


def _reset_in_child() -> None:
    """A forked child does not have its parent's threads, so it needs its own loop."""
    global _background  # noqa: PLW0603 - the only process-wide state
    _background = _Background()


with suppress(AttributeError):  # there is no forking on Windows
    os.register_at_fork(after_in_child=_reset_in_child)


def run(make: Callable[[], Awaitable[Result]]) -> Result:
    """Await something on the background loop; an interrupt of this thread cancels it there, and is
    raised at once."""
    background = _background
    future = background.submit(make)
    result = background.here().run(make) if future is None else _result_of(future, background)
    if isinstance(result, _Interrupt):
        raise result.error
    return result


def _result_of(future: Future[Result | _Interrupt], background: _Background) -> Result | _Interrupt:
    try:
        _wait_for(future)
        return future.result()
    except CancelledError:
        if background.is_stopped:  # the process is ending, and this is a daemon thread
            raise SystemExit from None
        raise
    except BaseException:
        future.cancel()
        raise


def _wait_for(future: Future[Any]) -> None:
    """In a running loop, wait until it is done, and look whether ^C has come: asyncio's handler
    cancels the task that waits here, which cannot notice. Elsewhere ``future.result()`` waits."""
    task = asyncio.current_task() if _is_in_a_loop() else None
    if task is None:
        return
    cancels = task.cancelling()
    while not wait((future,), _CHECK_SECONDS).done:
        if task.cancelling() > cancels:
            raise KeyboardInterrupt


_CHECK_SECONDS = 0.2
"""How often to look for a cancellation, in seconds."""


@dataclass(frozen=True, slots=True)
class _Interrupt:
    """An exception that would end the background loop for all callers if it were raised there."""

    error: BaseException


async def _await(make: Callable[[], Awaitable[Result]]) -> Result | _Interrupt:
    try:
        return await make()
    except BaseException as error:
        if isinstance(error, Exception | asyncio.CancelledError):
            raise
        return _Interrupt(error)


def _each_of(values: ValueIterator[Result]) -> Iterator[Result]:
    while found := run(values.next_values):
        yield from found


class SyncStream(SyncOnly, HoldsConnections, HasExchange):
    """A :class:`~llmgate.Stream` for ``for``. A loop that is left by ``break`` can be resumed."""

    def __init__(self, stream: Stream) -> None:
        self._stream = stream
        self._ready: deque[Chunk] = deque()

    # --- properties ---

    @property
    def usage(self) -> Usage | None:
        """The usage as far as the provider has reported it, usually in the last chunk."""
        return self._stream.usage

    @property
    def cost(self) -> Cost | None:
        """The cost, once the usage is known; see :attr:`Completion.cost`."""
        return self._stream.cost

    @property
    def exchange(self) -> Exchange:
        """How the response was obtained: headers, request id, attempts, report."""
        return self._stream.exchange

    @property
    def is_open(self) -> bool:
        """Whether the connection is open: neither read to the end nor closed."""
        return self._stream.is_open

    # --- reading ---

    def __iter__(self) -> Iterator[Chunk]:
        take = self._ready.popleft
        while True:
            try:
                chunk = take()
            except IndexError:  # not checked first: another thread could take the last one
                chunk = None  # read below, so that errors there have no context
            if chunk is not None:
                yield chunk
            elif not self._read():
                return

    def __next__(self) -> Chunk:
        for chunk in self:
            return chunk
        raise StopIteration

    def _read(self) -> bool:
        """Take all chunks of one read at once, since switching threads costs more than the chunks;
        False at the end."""
        batch = run(self._stream.next_batch)
        self._ready.extend(batch)
        return bool(batch)

    def text(self) -> Iterator[str]:
        """The text of the first choice, piece by piece."""
        return filter(None, map(text_of, self))

    def partials(self, kind: type[Result] | TypeAdapter[Result]) -> Iterator[Result]:
        """:meth:`Stream.partials <llmgate.Stream.partials>` for code without ``await``."""
        return _each_of(self._stream.partials(kind))

    def items(self, kind: type[Result] | TypeAdapter[Result]) -> Iterator[Result]:
        """:meth:`Stream.items <llmgate.Stream.items>` for code without ``await``."""
        return _each_of(self._stream.items(kind))

    def completion(self) -> Completion:
        """The whole completion; it reads the rest of the stream."""
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

    def __del__(self) -> None:
        self._stream.drop()
        _background.tidy()
