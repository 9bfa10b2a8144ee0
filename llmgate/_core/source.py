"""Where a stream's chunks come from, and what it says of its end: what each kind of source offers.

These are declarations; the kinds are ``live`` and ``derived``.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

from llmgate.errors import LLMGateError, describe_error

if TYPE_CHECKING:
    from llmgate._exchange import Exchange
    from llmgate.types import Chunk, Completion, Usage

__all__ = ["CLOSED", "STATES", "Source", "StreamEnd", "WhenDone", "notify"]

CLOSED = "the stream was closed before its end; call again for another"
STATES = {"ok": "complete", "error": "failed", "cancelled": "cancelled", "abandoned": "closed"}


@dataclass(frozen=True, slots=True)
class StreamEnd:
    """How a stream ended, as :meth:`llmgate.Stream.when_done` says.

    ``outcome`` is ``abandoned`` when it was closed or let go of before its end. ``completion`` is
    what had come by then, or None; ``usage`` is what the provider had said of it; ``error`` is what
    was or will be raised.
    """

    outcome: Literal["ok", "error", "cancelled", "abandoned"]
    completion: Completion | None = None
    usage: Usage | None = None
    error: LLMGateError | None = None


WhenDone: TypeAlias = Callable[[StreamEnd], object]


class Source(Protocol):
    """What a :class:`llmgate.Stream` reads from."""

    ready: deque[Chunk]
    """What is here and was not read."""

    async def pull(self) -> bool:
        """Put what comes next into ``ready``; False when there is nothing more to come."""
        ...

    async def aclose(self) -> None:
        """Close what is open, and forget what was not read."""
        ...

    def drop(self) -> None:
        """The same from anywhere: a finalizer, another thread, a loop that is gone."""
        ...

    def completion(self) -> Completion:
        """What has come so far."""
        ...

    def watch(self, callback: WhenDone) -> None:
        """Have this called at the end, which is still to come."""
        ...

    @property
    def end(self) -> StreamEnd | None:
        """How it ended; None while it is open."""
        ...

    @property
    def is_open(self) -> bool: ...
    @property
    def is_unread(self) -> bool:
        """Whether no chunk has come yet."""
        ...

    @property
    def has_undecoded_bytes(self) -> bool:
        """Whether a ``pull`` would decode what has come already, and wait for nothing."""
        ...

    @property
    def usage(self) -> Usage | None: ...
    @property
    def exchange(self) -> Exchange: ...
    def describe(self) -> str:
        """Whose it is, and its state, for people."""
        ...


def notify(callbacks: Iterable[WhenDone], end: StreamEnd) -> None:
    """Call each of them; what one raises harms neither the stream nor the others."""
    import logging  # noqa: PLC0415 - only where there are callbacks

    for callback in callbacks:
        try:
            callback(end)
        except Exception as error:  # noqa: BLE001 - it is third-party code
            logging.getLogger("llmgate").warning(
                "a callback of a stream failed: %s", describe_error(error)
            )
