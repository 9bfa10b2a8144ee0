"""Derived sources of chunks: from another stream, or from a whole completion.

They open no connection, and close the stream that they derive from.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from llmgate._core.source import CLOSED, STATES, Source, WhenDone, notify
from llmgate._exchange import StreamEnd
from llmgate.errors import ClosedError, LLMGateError, StreamTruncatedError
from llmgate.provider.accumulate import Accumulator
from llmgate.provider.kit import completion_chunks
from llmgate.types import (
    Chunk,
    Completion,
    Exchange,
    Usage,
)

if TYPE_CHECKING:
    from llmgate._core.state import Outcome
    from llmgate._core.stream import Stream

# --- from another stream --------------------------------------------------------------------


class MappedSource:
    """The chunks of a stream, each of them changed."""

    has_undecoded_bytes = False

    def __init__(
        self,
        stream: Stream,
        source: Source,
        change: Callable[[Chunk], Chunk | None],
        flush: Callable[[], Iterable[Chunk]] | None,
    ) -> None:
        """``source`` is that stream's own source."""
        self.ready: deque[Chunk] = deque()
        self._failure: Exception | None = None
        self._stream, self._source = stream, source
        self._changes = _Changes(change, flush)
        stream.when_done(self._changes.stream_ended)

    async def pull(self) -> bool:
        """Read the next chunks, and change them."""
        if self._failure is not None:
            failure, self._failure = self._failure, None
            raise failure
        changes = self._changes
        found: Exception | None = None
        with changes:
            try:
                batch = await self._stream.next_batch()
            except LLMGateError as error:
                batch, found = list[Chunk](), error
            try:
                self.ready.extend(changes.changed(batch))
            except Exception as error:  # noqa: BLE001 - the change is the caller's code, and may raise anything
                found = changes.failure = error
                await self._stream.aclose()
        return self._settle(found, is_over=not batch)

    def _settle(self, failure: Exception | None, *, is_over: bool) -> bool:
        """Whether there is more; a failure is raised after the chunks that came before it."""
        if isinstance(failure, StreamTruncatedError) and failure.partial is not None:
            failure.partial = self._changes.completion_like(failure.partial)
        if failure is not None and not self.ready:
            raise failure
        self._failure = failure
        return bool(self.ready) or not is_over

    async def aclose(self) -> None:
        """Close the stream, and drop the chunks that were not read."""
        self.ready.clear()
        await self._stream.aclose()

    def drop(self) -> None:
        """The same from anywhere."""
        self.ready.clear()
        self._stream.drop()

    def __del__(self) -> None:  # the stream is released as well, and closes itself
        self._changes.leave()

    def completion(self) -> Completion:
        """The completion of the changed chunks so far."""
        return self._changes.completion_like(self._source.completion())

    def watch(self, callback: WhenDone) -> None:
        """Call this at the end."""
        self._changes.callbacks += (callback,)

    @property
    def end(self) -> StreamEnd | None:
        """How the stream ended; None while it is open."""
        return self._changes.announced

    @property
    def is_open(self) -> bool:
        """Whether the stream's connection is open."""
        return self._stream.is_open

    @property
    def is_unread(self) -> bool:
        """Whether no chunk has come yet, apart from those left out."""
        return self._changes.is_empty

    @property
    def usage(self) -> Usage | None:
        """The usage, as the provider has reported it."""
        return self._stream.usage

    @property
    def exchange(self) -> Exchange:
        """How the response was obtained."""
        return self._stream.exchange

    def describe(self) -> str:
        """The original stream's description."""
        return self._source.describe()


class _Changes:
    """Applies the changes to a stream's chunks. It outlives its source, since the callbacks for the
    end are still called then; it holds no reference to a stream."""

    def __init__(
        self,
        change: Callable[[Chunk], Chunk | None],
        flush: Callable[[], Iterable[Chunk]] | None,
    ) -> None:
        self.callbacks: tuple[WhenDone, ...] = ()
        self.failure: Exception | None = None
        self.announced: StreamEnd | None = None
        self._end: StreamEnd | None = None
        self._change, self._flush = change, flush
        self._parts = Accumulator()
        self._is_read = False

    def __enter__(self) -> None:
        if self._is_read:
            raise LLMGateError("another task or thread is reading this stream")
        self._is_read = True

    def __exit__(self, *_: object) -> None:
        self._is_read = False
        self.leave()

    @property
    def is_empty(self) -> bool:
        """Whether none of the chunks was kept."""
        return self._parts.is_empty

    def changed(self, chunks: Iterable[Chunk]) -> list[Chunk]:
        """These chunks, changed; after the last ones, also those held back."""
        changed = [*filter(None, map(self._change, chunks))]
        has_come = self._end is not None and self._end.outcome in ("ok", "error")
        if has_come and self._flush is not None:
            flush, self._flush = self._flush, None
            changed += flush()
        for chunk in changed:
            self._parts.add(chunk)
        return changed

    def completion_like(self, completion: Completion) -> Completion:
        """The stream's completion, with the content of the changed chunks."""
        return replace(completion, choices=self._parts.completion().choices)

    # --- the end ---

    def stream_ended(self, end: StreamEnd) -> None:
        """Called when the stream has ended. If it ended well, some chunks may still be unread."""
        self._end = end
        if not self._is_read and end.outcome != "ok":
            self.leave()

    def leave(self) -> None:
        """Called when reading pauses; runs the callbacks if the stream has ended."""
        if self._end is None or self.announced is not None:
            return
        end = self._end
        if self.failure is not None:
            error = self.failure if isinstance(self.failure, LLMGateError) else None
            end = replace(end, outcome="error", error=error)
        completion = None if end.completion is None else self.completion_like(end.completion)
        self.announced = replace(end, completion=completion)
        notify(self.callbacks, self.announced)


# --- from a completion ----------------------------------------------------------------------


class ReplayedSource:
    """The chunks of a complete response."""

    has_undecoded_bytes = False

    def __init__(self, completion: Completion, *, include_usage: bool) -> None:
        self.ready: deque[Chunk] = deque()
        self.usage: Usage | None = None
        self.is_unread = False
        self.end: StreamEnd | None = None
        self._completion = completion
        self._callbacks: tuple[WhenDone, ...] = ()
        # whoever gives what is no completion has an error here, and what there is then is dropped
        self.usage, self.exchange = completion.usage, completion.exchange
        self.ready.extend(completion_chunks(completion, include_usage=include_usage))

    async def pull(self) -> bool:
        """The end: all chunks are ready from the beginning."""
        if self.end is None:
            self._finish("ok")
        elif self.end.outcome != "ok":
            raise ClosedError(CLOSED)
        return False

    async def aclose(self) -> None:
        """Drop the chunks that were not read."""
        self.drop()

    def drop(self) -> None:
        """The same from anywhere."""
        if self.end is None:
            self.ready.clear()
            self._finish("abandoned")

    def __del__(self) -> None:
        self.drop()

    def _finish(self, outcome: Outcome) -> None:
        self.end = StreamEnd(outcome, self._completion, self.usage)
        notify(self._callbacks, self.end)

    def completion(self) -> Completion:
        """The completion itself."""
        return self._completion

    def watch(self, callback: WhenDone) -> None:
        """Call this at the end."""
        self._callbacks += (callback,)

    @property
    def is_open(self) -> bool:
        """Whether it was neither read to its end, nor closed."""
        return self.end is None

    def describe(self) -> str:
        """Its provider, model and state, for a repr."""
        state = "open" if self.end is None else STATES[self.end.outcome]
        return f"{self.exchange.provider}/{self._completion.model}, {state}"
