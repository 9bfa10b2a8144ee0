"""The stream that a call returns: how it is read, changed, and observed.

Its chunks come from a source: see ``source``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import replace
from inspect import iscoroutinefunction
from typing import TYPE_CHECKING, Any, Self, TypeVar

from llmgate._core.source import Source, WhenDone, notify, text_of
from llmgate._exchange import Exchange, HasExchange
from llmgate._text.hints import AsyncOnly, HoldsConnections
from llmgate.errors import InvalidRequestError, describe_value
from llmgate.types import Chunk, Completion, Usage

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from llmgate._core.partial import ValueIterator
    from llmgate.cost import Cost
    from llmgate.options import Output


Value = TypeVar("Value")


class Stream(AsyncOnly, HoldsConnections, HasExchange):
    """The chunks of a completion, as they arrive.

    ``async for chunk in stream`` yields them. After a ``break``, another loop can go on.
    :meth:`aclose` and ``async with`` close the connection; so do the call's deadline, even if
    nobody reads, and the garbage collection of the stream. A truncated response raises
    :class:`~llmgate.errors.StreamTruncatedError` after the chunks that came.
    """

    _amendments: tuple[Callable[[Exchange], Exchange], ...] = ()
    output: Output | None = None
    """The type that :meth:`completion` parses the text as, given as ``response_format``."""

    def __init__(self, source: Source) -> None:
        self._source = source
        self._ready, self._pull = source.ready, source.pull

    # --- properties ---

    @property
    def usage(self) -> Usage | None:
        """The usage as far as the provider has reported it, usually in the last chunk."""
        return self._source.usage

    @property
    def cost(self) -> Cost | None:
        """The cost, once the usage is known; see :attr:`Completion.cost`."""
        if self.usage is None:
            return None
        from llmgate.cost import cost_of  # noqa: PLC0415 - only where asked for

        return cost_of(self._source.completion(), self.exchange)

    @property
    def exchange(self) -> Exchange:
        """How the response was obtained: headers, request id, attempts, report."""
        exchange = self._source.exchange
        for amendment in self._amendments:
            exchange = amendment(exchange)
        return exchange

    @property
    def is_open(self) -> bool:
        """Whether the connection is open: neither read to the end nor closed."""
        return self._source.is_open

    # --- reading ---

    def __aiter__(self) -> ChunkIterator:
        return ChunkIterator(self, self._ready, self._pull)

    def text(self) -> TextIterator:
        """The text of the first choice, piece by piece."""
        return TextIterator(self)

    async def __anext__(self) -> Chunk:
        return await aiter(self).__anext__()

    def partials(self, kind: type[Value] | TypeAdapter[Value]) -> ValueIterator[Value]:
        """The first choice's growing value: objects of the type with the fields so far.

        A field that has not come has its default, or None; only the last value is validated as a
        whole. Read nothing else of the stream before.

        Raises:
            OutputError: at the end, when the text is not a valid value of the type.
        """
        from llmgate._core.partial import PartialReader, ValueIterator  # noqa: PLC0415 - likewise

        return ValueIterator(self, PartialReader(kind), self._source.completion)

    def items(self, kind: type[Value] | TypeAdapter[Value]) -> ValueIterator[Value]:
        """The items of the first choice's list, each when it is finished, validated as this type.

        ``list[X]`` stands for ``X``, as in ``response_format=list[X]``: where the items are lists
        themselves, it is ``list[list[X]]`` or ``TypeAdapter(list[X])``. The list is the whole
        value, or the first one in an object. Read nothing of the stream before.

        Raises:
            OutputError: when an item does not fit the type, and at the end when there is no list.
        """
        from llmgate._core.partial import ItemReader, ValueIterator  # noqa: PLC0415 - likewise

        return ValueIterator(self, ItemReader(kind), self._source.completion)

    async def next_batch(self) -> list[Chunk]:
        """All chunks of one read from the connection; an empty list at the end."""
        while not self._ready or self._source.has_undecoded_bytes:
            if not await self._pull():
                break
        batch = [*self._ready]
        self._ready.clear()
        return batch

    async def completion(self) -> Completion:
        """The whole completion; it reads the rest of the stream.

        Raises:
            OutputError: when the text does not fit the type that was the ``response_format``.
        """
        while await self.next_batch():
            pass
        completion = self._source.completion()
        if self._amendments:
            completion = replace(completion, exchange=self.exchange)
        if self.output is None:
            return completion
        from llmgate._core.parsing import copy_of, with_parsed  # noqa: PLC0415 - only where asked

        return with_parsed(copy_of(completion), self.output.kind)

    # --- for middleware ---

    async def start(self) -> Self:
        """Wait for the first chunk, or the end. Reading still begins with that chunk.

        An error raised here has ``delivered`` False: nothing of the response was yielded, so the
        call can be repeated, also with another model, without the reader noticing.
        """
        while self._source.is_unread and await self._pull():
            pass
        return self

    def map(
        self,
        change: Callable[[Chunk], Chunk | None],
        flush: Callable[[], Iterable[Chunk]] | None = None,
    ) -> Stream:
        """A stream of this one's chunks, each changed. It replaces this stream, and closes it.

        Args:
            change: Returns the chunk to deliver, or None to deliver none. A chunk may have no
                choices (the one with the usage), and text may be cut anywhere.
            flush: Returns the chunks that ``change`` has held back, to be delivered after the last
                one, even if the response was truncated.
        """
        from llmgate._core.derived import MappedSource  # noqa: PLC0415 - only where asked for

        return Stream(MappedSource(self, self._source, change, flush))

    def amend(self, change: Callable[[Exchange], Exchange]) -> Self:
        """Change the :class:`Exchange` of this stream and of its completion."""
        self._amendments = (*self._amendments, change)
        return self

    def when_done(self, callback: WhenDone) -> Self:
        """Call this function once with a :class:`StreamEnd`, however the stream ends.

        The stream ends when its connection is closed: by its end, an error, ``aclose``, the
        deadline, or when the stream is garbage-collected. If it has ended already, the function is
        called at once. It is called on the thread where the stream ends; its exceptions are logged.
        It must not hold a reference to the stream, which could then never be collected.

        Raises:
            InvalidRequestError: when it is not a plain function.
        """
        given: Any = callback
        if not callable(given) or iscoroutinefunction(given):
            reason = f"{describe_value(given)} is not a plain function"
            raise InvalidRequestError(reason, path="callback")
        end = self._source.end
        if end is None:
            self._source.watch(callback)
        else:
            notify((callback,), end)
        return self

    @staticmethod
    def replay(completion: Completion, *, include_usage: bool = False) -> Stream:
        """A stream of a complete response, without a connection.

        ``include_usage`` adds a last chunk with the usage, as ``stream_options`` can ask for.
        """
        from llmgate._core.derived import ReplayedSource  # noqa: PLC0415 - only where asked for

        return Stream(ReplayedSource(completion, include_usage=include_usage))

    # --- closing ---

    async def aclose(self) -> None:
        """Close the connection; the call is cancelled at the provider, if that has a request for
        it."""
        if self.is_open:
            await self._source.aclose()

    def drop(self) -> None:
        """Close the connection without ``await``, from anywhere: a finalizer, another thread, after
        the loop has ended."""
        if self.is_open:
            self._source.drop()

    def __repr__(self) -> str:
        return f"<Stream of {self._source.describe()}>"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


# --- iterators: they close nothing --------------------------------------------------------


class ChunkIterator(AsyncOnly):
    """Iterates over the chunks of a stream, from where it was left; it does not close the stream.

    It keeps references to what each chunk needs, since attributes of a class with ``__getattr__``,
    such as a stream's, are slow to read.
    """

    __slots__ = ("_pull", "_ready", "_stream")

    def __init__(
        self, stream: Stream, ready: deque[Chunk], pull: Callable[[], Awaitable[bool]]
    ) -> None:
        self._stream, self._ready, self._pull = stream, ready, pull

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> Chunk:
        while not self._ready:
            if not await self._pull():
                raise StopAsyncIteration
        return self._ready.popleft()


class TextIterator(AsyncOnly):
    """Iterates over the text of a stream's first choice, from where the stream was left."""

    __slots__ = ("_chunks",)

    def __init__(self, stream: Stream) -> None:
        self._chunks = aiter(stream)

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> str:
        while not (text := text_of(await self._chunks.__anext__())):
            pass
        return text
