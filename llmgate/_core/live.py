"""The chunks of an open connection: read on demand, decoded as they arrive, closed at the end.

Nothing is read ahead of the user and no task, lock or cancel scope is open between two chunks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import replace
from functools import partial
from weakref import proxy

from llmgate._core.drive import OpenStream, cancel_at_provider, reopen_stream, start_cancelling
from llmgate._core.send import must_propagate
from llmgate._core.source import CLOSED, STATES, WhenDone, notify
from llmgate._core.state import Outcome
from llmgate._exchange import Exchange, StreamEnd
from llmgate.errors import (
    ClosedError,
    DecodeError,
    LLMGateError,
    PluginError,
    ProviderError,
    StreamTruncatedError,
    TransportError,
    describe_error,
    describe_value,
    excerpt,
)
from llmgate.hooks import FirstToken
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.framing import Frame
from llmgate.types import Chunk, ChunkChoice, Completion, Usage


class LiveSource:
    """A ``Source`` that reads a streamed response, decoded by its provider's decoder."""

    _outcome: Outcome | None = "error"  # nothing to close until ``__init__`` is done

    def __init__(self, opened: OpenStream, *, bare_chunks: bool = False) -> None:
        """``bare_chunks`` says to deliver chunks without a choice too, such as the one with the
        usage."""
        self._state = opened.state
        self._decoder = opened.decoder
        self._framer = opened.decoder.framer
        self._incoming = opened.incoming
        self._bare_chunks = bare_chunks
        self._loop = asyncio.get_running_loop()
        self.ready: deque[Chunk] = deque()
        self._callbacks: tuple[WhenDone, ...] = ()
        self._accumulated = self._accumulator()
        self._failure: LLMGateError | None = None
        self._error: LLMGateError | None = None
        self._undecoded = b""
        self._cut_reason = ""
        self._has_begun = False
        self._held_back = list[Chunk]()
        self._is_read = False
        self._steps = 0
        self._outcome: Outcome | None = None
        # a weak reference, so that an unreferenced stream is collected, and closed
        self._state.deadline.watch(partial(LiveSource._expire, proxy(self)))

    # --- properties ---

    @property
    def usage(self) -> Usage | None:
        """The usage as far as the provider has reported it, usually in the last chunk."""
        return self._accumulated.usage

    @property
    def exchange(self) -> Exchange:
        """How the response was obtained: headers, request id, attempts, report."""
        return self._state.exchange()

    @property
    def is_unread(self) -> bool:
        """Whether no chunk has come yet."""
        return not self._has_begun

    @property
    def has_undecoded_bytes(self) -> bool:
        """Whether bytes of the last read are not decoded yet."""
        return bool(self._undecoded) and self._outcome is None

    # --- its end ---

    @property
    def is_open(self) -> bool:
        """Whether the connection is open: neither read to the end nor closed."""
        return self._outcome is None

    async def aclose(self) -> None:
        """Close the connection; the call is cancelled at the provider, if that has a request for
        it."""
        self._finish("abandoned")
        await cancel_at_provider(self._state)

    def drop(self) -> None:
        """Close the connection without awaiting, from anywhere: a finalizer, another thread, after
        the loop has ended."""
        if self._outcome is not None:
            return
        try:
            is_here = asyncio.get_running_loop() is self._loop
        except RuntimeError:
            is_here = False
        if is_here:
            self._abandon_here()
            return
        try:
            self._loop.call_soon_threadsafe(self._abandon_here)
        except RuntimeError:  # the loop was closed, and its connections with it
            self._finish("abandoned")

    def _abandon_here(self) -> None:
        if self._outcome is None:
            self._finish("abandoned")
            start_cancelling(self._state)

    def _expire(self) -> None:
        """Close a stream whose deadline is over while nobody reads; the next read raises the
        error."""
        self._failure = self._state.deadline.exceeded()
        self._fail(self._failure)
        start_cancelling(self._state)

    def __del__(self) -> None:
        self.drop()

    def watch(self, callback: WhenDone) -> None:
        """Call this at the end."""
        self._callbacks += (callback,)

    def describe(self) -> str:
        """The provider, model and state, for a repr."""
        call = self._state.call
        state = "open" if self._outcome is None else STATES[self._outcome]
        return f"{self._state.provider.name}/{call.model}, {state}"

    # --- how it is read ---

    async def pull(self) -> bool:
        """Read once and decode; False when the stream has ended."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        if self._outcome == "ok":
            return False
        if self._outcome is not None:
            raise ClosedError(CLOSED)
        if self._is_read:
            raise LLMGateError("another task or thread is reading this stream")
        self._is_read = True
        try:
            await self._advance()
        except LLMGateError as error:
            if self._outcome is not None:  # closed by another task while this one was waiting
                raise ClosedError(CLOSED) from None
            self._fail(error)
            await cancel_at_provider(self._state)
            if not self.ready:  # without its frames: what they read may repeat the key
                raise error.with_traceback(None)  # noqa: B904 - it is the same error
            self._failure = error.with_traceback(None)  # raised once the chunks before it are read
        except asyncio.CancelledError as error:
            self._state.attach_attempts(error)
            self._finish("cancelled")
            await cancel_at_provider(self._state)
            raise
        except BaseException:
            self._finish("cancelled")
            raise
        finally:
            self._is_read = False
        return True

    async def _advance(self) -> None:
        """Read and decode; after an error before the first chunk, open the stream again."""
        try:
            if not self._undecoded:
                self._undecoded = await self._receive()
            elif self._is_turn_of_others():
                await asyncio.sleep(0)
            self._decode_piece(self._next_piece())
        except ProviderError as error:
            error.in_stream = True
            if self._has_begun:
                raise
            self._incoming.close()
            self._state.explain(error)
            opened = await reopen_stream(self._state, error)
            if opened is None:
                raise
            self._use_response(opened)

    def _is_turn_of_others(self) -> bool:
        """Whether so many pieces were decoded in a row that other tasks should run."""
        self._steps += 1
        return self._steps % _STEPS_IN_A_ROW == 0

    def _next_piece(self) -> bytes:
        """The next piece of the body, small enough not to block the loop."""
        piece, self._undecoded = self._undecoded, b""
        if not isinstance(piece, bytes):  # pyright: ignore[reportUnnecessaryIsInstance]
            reason = f"the transport gave {describe_value(piece)} for a piece of the stream"
            raise DecodeError(reason)
        if len(piece) > _MAX_STEP:
            piece, self._undecoded = piece[:_MAX_STEP], piece[_MAX_STEP:]
        return piece

    async def _receive(self) -> bytes:
        deadline = self._state.deadline
        try:
            with deadline.limit(idle=True):
                return await self._incoming.read()
        except LLMGateError as error:
            is_break = isinstance(error, TransportError)
            is_unreadable = isinstance(error, DecodeError) and self._has_begun
            if not (is_break or is_unreadable):
                raise
            reason = error.message
        except BaseException as error:
            if must_propagate(error):
                raise
            reason = describe_error(error)
        else:
            raise deadline.exceeded()
        self._cut_reason = f"the stream broke off: {reason}"
        return b""

    def _decode_piece(self, data: bytes) -> None:
        """Decode a piece, or at the end of the body what the end completes."""
        if not data and not self._cut_reason:
            self._read_unframed()
        try:
            self._state.run(self._decode, data)
        except DecodeError:
            if data:
                raise
        except StreamTruncatedError:
            if not self._cut_reason:
                raise
        else:
            if not data or self._decoder.finished:
                self._finish("ok")
            return
        raise StreamTruncatedError(self._cut_reason or "the stream ended within an event")

    def _read_unframed(self) -> None:
        """Decode a response that is not a stream: a complete one, or the provider's error.

        Raises:
            DecodeError: when it is neither, for example an HTML page.
        """
        unframed: bytes = getattr(self._framer, "unframed", b"")  # see UnframedContent
        if not unframed:
            return
        chunks: list[Chunk] = []
        with suppress(DecodeError, PluginError):
            if unframed.lstrip()[:1] in (b"{", b"["):  # let the provider explain JSON
                self._state.run(lambda: chunks.extend(self._decoder.feed(Frame(unframed))))
        if not any(chunk.choices for chunk in chunks):
            reason = f"the response is not a stream of events: {excerpt(unframed)}"
            raise DecodeError(reason, frame=unframed)
        self._deliver(chunks)

    def _decode(self, data: bytes) -> None:
        decoder, has_begun, deliver = self._decoder, self._has_begun, self.ready.append
        feed, add = decoder.feed, None if self._adds_itself else self._accumulated.add
        for frame in self._framer.feed(data) if data else self._framer.close():
            for chunk in feed(frame):
                if add is not None:
                    add(chunk)
                if has_begun and chunk.choices:  # nearly always
                    deliver(chunk)
                else:
                    self._take(chunk)
                    has_begun = self._has_begun
            if decoder.finished:
                return
        if not data:
            self._deliver(decoder.close())

    def _deliver(self, chunks: Iterable[Chunk]) -> None:
        for chunk in chunks:
            if not self._adds_itself:
                self._accumulated.add(chunk)
            self._take(chunk)

    def _take(self, chunk: Chunk) -> None:
        """Deliver a chunk, or hold it back before the first token."""
        if not (chunk.choices or self._bare_chunks):
            return
        if self._has_begun:
            self.ready.append(chunk)
            return
        self._held_back.append(chunk)
        if any(map(_says_something, chunk.choices)):
            self._begin()

    def _begin(self) -> None:
        """Deliver the first token, and the chunks before it, such as the role's. They were held
        back so that a failure before the first token can be retried."""
        state = self._state
        self._has_begun = state.deadline.begun = True
        self._deliver_held_back()
        if state.emit is not None and state.is_wanted(FirstToken):
            seconds = state.deadline.elapsed()
            state.emit(FirstToken(state.call.id, seconds, state.labels))

    def _deliver_held_back(self) -> None:
        self.ready.extend(self._held_back)
        self._held_back.clear()

    def _use_response(self, opened: OpenStream) -> None:
        self._decoder, self._framer = opened.decoder, opened.decoder.framer
        self._incoming = opened.incoming
        self._undecoded, self._cut_reason = b"", ""
        self._accumulated = self._accumulator()
        self._held_back.clear()

    def _accumulator(self) -> Accumulator:
        """The decoder's own accumulator, to which it adds its chunks, or a new one."""
        own: Accumulator | None = getattr(self._decoder, "accumulator", None)  # see Accumulating
        self._adds_itself = own is not None
        return Accumulator() if own is None else own

    def _fail(self, error: LLMGateError) -> None:
        """End the stream with an error, completed with all that is known of the call."""
        error.delivered = self._has_begun
        if isinstance(error, StreamTruncatedError) and self._has_begun:
            error.partial = self._completion_so_far()
        self._finish("error", self._state.explain(error))

    def _finish(self, outcome: Outcome, error: LLMGateError | None = None) -> None:
        if self._outcome is not None:
            return
        self._outcome, self._error = outcome, error
        leave = self._incoming.close
        if outcome == "ok":
            self._deliver_held_back()
            self._state.on_abandon = None
            leave = getattr(self._incoming, "release", leave)  # see ReusableResponse
        with suppress(Exception):  # a third-party transport may raise anything
            leave()
        if outcome == "abandoned":
            self.ready.clear()  # the next read raises ClosedError
        is_watched = self._callbacks or self._state.is_end_wanted(error)
        completion = self._completion_so_far() if is_watched else None
        self._state.end(outcome, error, completion)
        if self._callbacks:
            notify(self._callbacks, StreamEnd(outcome, completion, self.usage, error))

    @property
    def end(self) -> StreamEnd | None:
        """How the stream ended; None while it is open."""
        if self._outcome is None:
            return None
        return StreamEnd(self._outcome, self._completion_so_far(), self.usage, self._error)

    def _completion_so_far(self) -> Completion | None:
        if not self._accumulated.is_empty:
            with suppress(LLMGateError):  # the pieces may be invalid
                return self.completion()
        return None

    def completion(self) -> Completion:
        """The completion of the chunks so far."""
        try:
            completion = self._state.run(self._accumulated.completion)
        except LLMGateError as error:  # the pieces are only parsed now
            self._state.explain(error)
            raise
        return replace(completion, exchange=self._state.exchange())


_MAX_STEP = 8 * 1024
"""How many bytes are decoded at once, ahead of the reader."""
_STEPS_IN_A_ROW = 8


def _says_something(choice: ChunkChoice) -> bool:
    delta = choice.delta
    return bool(
        delta.content
        or delta.reasoning_content
        or delta.tool_calls
        or delta.refusal
        or delta.function_call
        or delta.audio
        or delta.annotations
        or delta.provider_data
        or delta.extra
        or choice.finish_reason
    )
