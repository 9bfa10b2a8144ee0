"""The protocol of a stream's source of chunks, the text of a chunk, and how a stream ended.

``live`` and ``derived`` implement it.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Protocol, TypeAlias

from llmgate._exchange import StreamEnd
from llmgate.errors import describe_error

if TYPE_CHECKING:
    from llmgate._exchange import Exchange
    from llmgate.types import Chunk, Completion, Usage

CLOSED = "the stream was closed before its end; call again for another"
STATES = {"ok": "complete", "error": "failed", "cancelled": "cancelled", "abandoned": "closed"}


WhenDone: TypeAlias = Callable[[StreamEnd], object]


class Source(Protocol):
    """Where a :class:`llmgate.Stream` reads its chunks from."""

    ready: deque[Chunk]
    """The chunks that have arrived but were not read yet."""

    async def pull(self) -> bool:
        """Add the next chunks to ``ready``; False at the end of the stream."""
        ...

    async def aclose(self) -> None:
        """Close the connection, and discard the unread chunks."""
        ...

    def drop(self) -> None:
        """The same without awaiting, from anywhere: a finalizer, another thread, after the loop has
        ended."""
        ...

    def completion(self) -> Completion:
        """The completion of the chunks so far."""
        ...

    def watch(self, callback: WhenDone) -> None:
        """Call this function at the end of the stream."""
        ...

    @property
    def end(self) -> StreamEnd | None:
        """How the stream ended; None while it is open."""
        ...

    @property
    def is_open(self) -> bool: ...
    @property
    def is_unread(self) -> bool:
        """Whether no chunk has come yet."""
        ...

    @property
    def has_undecoded_bytes(self) -> bool:
        """Whether ``pull`` has bytes to decode, so that it would not wait."""
        ...

    @property
    def usage(self) -> Usage | None: ...
    @property
    def exchange(self) -> Exchange: ...
    def describe(self) -> str:
        """The provider, model and state, for a repr."""
        ...


def notify(callbacks: Iterable[WhenDone], end: StreamEnd) -> None:
    """Call each of them; exceptions are logged, and do not stop the others."""
    import logging  # noqa: PLC0415 - only where there are callbacks

    for callback in callbacks:
        try:
            callback(end)
        except Exception as error:  # noqa: BLE001 - it is third-party code
            logging.getLogger("llmgate").warning(
                "a callback of a stream failed: %s", describe_error(error)
            )


def text_of(chunk: Chunk) -> str:
    """The text that a chunk adds to the first choice; may be empty."""
    first = next((choice for choice in chunk.choices if choice.index == 0), None)
    return (first.delta.content or "") if first is not None else ""
