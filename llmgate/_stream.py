"""A streamed answer, as the user holds it: chunks on demand, and the connection's end of life.

Nothing is read ahead of the user and no task, lock or cancel scope is open between two chunks.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from types import TracebackType
from typing import Generic, Self, TypeVar

from llmgate._engine import (
    OpenStream,
    abandon,
    describe_error,
    foreign_error,
    reopen_stream,
    scrub,
)
from llmgate.accumulate import Accumulator
from llmgate.errors import (
    ClosedError,
    DeadlineExceededError,
    DecodeError,
    LLMGateError,
    ProviderError,
    ReadError,
    StreamTruncatedError,
)
from llmgate.hooks import FirstToken
from llmgate.report import Report
from llmgate.types import Attempt, Chunk, Completion, Exchange, Usage

__all__ = ["Stream", "StreamIterator"]

Item = TypeVar("Item")


class Stream:
    """The chunks of an answer, as they arrive.

    ``async for chunk in stream`` gives them; leaving the loop early closes the connection, and so
    do ``async with`` and :meth:`aclose`. An answer that breaks off raises
    :class:`~llmgate.errors.StreamTruncatedError` after the chunks that came.
    """

    def __init__(self, opened: OpenStream, *, bare_chunks: bool = False) -> None:
        """``bare_chunks`` also delivers chunks without a choice, such as that of the usage."""
        self._context = opened.context
        self._decoder = opened.decoder
        self._framer = opened.decoder.framer
        self._incoming = opened.incoming
        self._bare_chunks = bare_chunks
        self._loop = asyncio.get_running_loop()
        self._ready: deque[Chunk] = deque()
        self._answer = Accumulator()
        self._failure: LLMGateError | None = None
        self._over = False
        self._left = False
        self._begun = False

    # --- what it tells ---

    @property
    def usage(self) -> Usage | None:
        """What was billed, as far as the provider has said; it says so at the end."""
        return self._answer.usage

    @property
    def report(self) -> Report:
        """What differs between the call and the request."""
        return self._context.call.report

    @property
    def exchange(self) -> Exchange:
        """How the answer is got: headers, request id, attempts."""
        return self._context.exchange()

    @property
    def provider(self) -> str:
        """The name of the provider that answers."""
        return self._context.provider.name

    @property
    def request_id(self) -> str | None:
        """The provider's id of the request."""
        return self.exchange.request_id

    @property
    def headers(self) -> Mapping[str, str]:
        """The reply's headers, names in lower case."""
        return self.exchange.headers

    @property
    def rate_limit(self) -> dict[str, str]:
        """The headers that tell of limits."""
        return self.exchange.rate_limit

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """Every request that was made for this answer."""
        return self.exchange.attempts

    # --- what it gives ---

    def __aiter__(self) -> StreamIterator[Chunk]:
        return StreamIterator(self, lambda chunk: chunk)

    def text(self) -> StreamIterator[str]:
        """Only the text of the first choice, piece by piece."""
        return StreamIterator(self, _text_of)

    async def __anext__(self) -> Chunk:
        while not self._ready:
            if not await self._pull():
                raise StopAsyncIteration
        return self._ready.popleft()

    async def next_batch(self) -> list[Chunk]:
        """The chunks that are here, at least one; empty at the end. They are read as one piece."""
        while not self._ready:
            if not await self._pull():
                return []
        batch = list(self._ready)
        self._ready.clear()
        return batch

    async def completion(self) -> Completion:
        """The whole answer, reading what is left of it."""
        while await self.next_batch():
            pass
        return self._completion()

    # --- its end ---

    async def aclose(self) -> None:
        """Close the connection; the provider is told that nobody waits, where it can be told."""
        if not self._over:
            self._left = True
            self._finish("abandoned")
            await abandon(self._context)

    def drop(self) -> None:
        """Close the connection from anywhere: a finalizer, another thread, a loop that is gone."""
        if self._over or self._loop.is_closed():
            return
        self._left = True
        try:
            running: asyncio.AbstractEventLoop | None = asyncio.get_running_loop()
        except RuntimeError:
            running = None
        if running is self._loop:
            self._drop_here()
        else:
            self._loop.call_soon_threadsafe(self._drop_here)

    def _drop_here(self) -> None:
        self._finish("abandoned")
        if self._context.on_abandon is not None:
            _dropping.add(task := asyncio.ensure_future(abandon(self._context)))
            task.add_done_callback(_dropping.discard)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self.aclose()

    def __del__(self) -> None:
        if not getattr(self, "_over", True):
            self.drop()

    # --- how it is read ---

    async def _pull(self) -> bool:
        """Read once and decode what came; False when the answer is over."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._over:
            if self._left:
                raise ClosedError("the stream was closed before its end; call again for another")
            return False
        try:
            self._digest(await self._read())
        except LLMGateError as error:
            await self._fail(error)
        except asyncio.CancelledError:
            self._left = True
            self._finish("cancelled")
            await abandon(self._context)
            raise
        return True

    async def _read(self) -> bytes:
        limit, phase = self._limit()
        if limit is not None and limit <= 0:
            raise DeadlineExceededError(f"the {phase} limit passed", phase=phase)
        try:
            async with asyncio.timeout(limit):
                return await self._incoming.read()
        except TimeoutError as error:
            if isinstance(error, LLMGateError):
                raise
        except ReadError as error:
            truncated = StreamTruncatedError(f"the stream broke off: {error.message}")
            raise truncated from None
        raise DeadlineExceededError(f"nothing came for {limit:.3g} s", phase=phase)

    def _limit(self) -> tuple[float | None, str]:
        """The seconds that this read may take, and the limit that sets them."""
        timeout = self._context.timeout
        limits = [(timeout.idle, "idle"), (self._context.remaining(), "total")]
        if timeout.first_token is not None and not self._begun:
            spent = time.monotonic() - self._context.started
            limits.append((timeout.first_token - spent, "first_token"))
        known = [(seconds, phase) for seconds, phase in limits if seconds is not None]
        return min(known, default=(None, "total"))

    def _digest(self, data: bytes) -> None:
        """Decode what was read; at the end of the bytes, what that end completes."""
        frames = self._framer.feed(data) if data else self._framer.close()
        try:
            for frame in frames:
                self._take(self._decoder.feed(frame))
                if self._decoder.finished:
                    break
            if not data and not self._decoder.finished:
                self._take(self._decoder.close())
        except LLMGateError as error:
            if not data and isinstance(error, DecodeError):
                raise StreamTruncatedError("the stream ended within an event") from None
            raise
        except Exception as error:  # noqa: BLE001 - a stranger's decoder may raise anything
            raise foreign_error(error, self._context) from None
        if not data or self._decoder.finished:
            self._finish("ok")

    def _take(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            self._answer.add(chunk)
            if chunk.choices:
                if not self._begun:
                    self._begin()
                self._ready.append(chunk)
            elif self._bare_chunks:
                self._ready.append(chunk)

    def _begin(self) -> None:
        self._begun = True
        context = self._context
        if context.emit is not None:
            context.emit(FirstToken(context.call.id, time.monotonic() - context.started))

    async def _fail(self, error: LLMGateError) -> None:
        """Try again when nothing was delivered; else raise, after what came before the failure."""
        if not self._begun and isinstance(error, ProviderError):
            self._incoming.close()
            try:
                self._adopt(await reopen_stream(self._context, error))
            except LLMGateError as final:
                error = final
            else:
                return
        self._describe(error)
        self._left = True
        self._finish("error", error)
        await abandon(self._context)
        if not self._ready:
            raise error
        self._failure = error

    def _adopt(self, opened: OpenStream) -> None:
        self._decoder, self._framer = opened.decoder, opened.decoder.framer
        self._incoming = opened.incoming
        self._answer = Accumulator()

    def _describe(self, error: LLMGateError) -> None:
        if isinstance(error, ProviderError) and self._context.reply is not None:
            status = error.status
            describe_error(error, self._context.reply)
            error.in_stream, error.body = True, None
            error.message = scrub(error.message.encode(), self._context).decode()
            error.args = (error.message,)
            error.status = status if status is not None else error.status
        if isinstance(error, StreamTruncatedError) and not self._answer.is_empty:
            error.partial = self._completion()
        self._context.explain(error)

    def _finish(self, outcome: str, error: LLMGateError | None = None) -> None:
        if self._over:
            return
        self._over = True
        self._incoming.close()
        if outcome == "ok":
            self._context.on_abandon = None
        if self._context.emit is not None:
            answer = None if self._answer.is_empty else self._completion()
            self._context.end(outcome, error, answer)

    def _completion(self) -> Completion:
        return replace(self._answer.completion(), exchange=self._context.exchange())


class StreamIterator(Generic[Item]):
    """One pass over a stream. When it is let go before the end, the stream is closed.

    ``async for`` holds the only reference to it, so that ``break`` and an exception close at once.
    """

    __slots__ = ("_convert", "_stream")

    def __init__(self, stream: Stream, convert: Callable[[Chunk], Item | None]) -> None:
        self._stream = stream
        self._convert = convert

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Item:
        while (item := self._convert(await self._stream.__anext__())) is None:
            pass
        return item

    def __del__(self) -> None:
        self._stream.drop()


def _text_of(chunk: Chunk) -> str | None:
    first = next((choice for choice in chunk.choices if choice.index == 0), None)
    return (first.delta.content or None) if first is not None else None


_dropping: set[asyncio.Future[None]] = set()
"""The farewells under way: a loop holds its tasks weakly."""
