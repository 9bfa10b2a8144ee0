"""What a provider's server writes: whole and streamed answers, and errors.

    dialect.reply(), dialect.streamed(*dialect.events)

It names no provider; those are in ``dialects``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.provider import Provider
from tests.faults.peer import Peer, Seen
from tests.faults.server import LAST, STREAM_HEAD, FaultServer, framed, hang, reply

TEXT = "Hello"
"""What every answer says."""
PIECES = ("Hel", "lo")
"""How a stream says it."""


@dataclass(frozen=True)
class Dialect:
    """What one provider's server writes.

    ``opening`` is what stands before the text of a stream, ``finish`` the event with the finish
    reason, ``marker`` what ends the stream; either may be empty where the other does both.
    """

    name: str
    model: str
    make: Callable[[str], Provider]
    answer: Mapping[str, Any]
    opening: tuple[bytes, ...]
    piece: Callable[[str], bytes]
    finish: bytes
    marker: bytes
    stream_error: bytes
    """An event that says the provider is overloaded."""
    error_body: Callable[[str], Mapping[str, Any]]
    """The body of an error, with this message."""
    answer_saying: Callable[[Any], Mapping[str, Any]]
    """The answer with this in place of its text."""
    aside: Callable[[Seen, str], bytes | None] = field(default=lambda seen, url: None)
    """The reply to a request that only prepares the one which a case is about."""
    framing: str = "events"
    """What a stream is made of: server-sent events, lines of JSON, or binary messages."""
    has_terminator: bool = True
    """Whether a stream says that it is over; otherwise the end of its body does."""
    idempotent: bool = True
    """Whether an answer's request may be sent again when nobody knows what became of it."""

    @property
    def events(self) -> tuple[bytes, ...]:
        """All events of the stream, in their order."""
        texts = tuple(self.piece(piece) for piece in PIECES)
        return tuple(each for each in (*self.opening, *texts, self.finish, self.marker) if each)

    @property
    def begun(self) -> tuple[bytes, ...]:
        """The events of a stream whose text has come, and whose end has not."""
        return (*self.opening, *(self.piece(piece) for piece in PIECES))

    async def hold(self, peer: Peer) -> None:
        """Keep the connection of a stream that is over, whose body need not have ended."""
        if not self.has_terminator:
            await peer.send(LAST)
        await hang(peer)

    def reply(self, **headers: str) -> bytes:
        """The whole answer."""
        return reply(200, body=dict(self.answer), **headers)

    def error(self, status: int, message: str = "no", **headers: str) -> bytes:
        """A refusal."""
        return reply(status, body=dict(self.error_body(message)), **headers)

    def streamed(self, *events: bytes, last: bytes = LAST) -> bytes:
        """A streamed reply of these events, all of them without any; ``last`` ends its body."""
        return STREAM_HEAD + b"".join(framed(each) for each in events or self.events) + last

    def serve(self, *steps: Any, **settings: Any) -> FaultServer:
        """A server of this provider that does these steps."""
        return FaultServer(*steps, aside=self.aside, **settings)
