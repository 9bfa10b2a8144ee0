"""The responses of a cassette: those that are replayed, and those that are recorded as they come.

Which of both a request is given is the cassette's to say.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

from llmgate import errors
from llmgate.errors import ClosedError, LLMGateError, ReadError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest, IncomingResponse, Transport
from llmgate.testing.cassettes.file import END, LEFT, RecordedResponse

__all__ = ["CassetteTransport", "Open", "RecordingResponse", "ReplayedResponse"]

Real = Callable[[], Awaitable[Transport]]
Open = Callable[[HttpRequest, Timeout, Real], Awaitable[IncomingResponse]]


class CassetteTransport:
    """Stands in front of a transport, which is only made where something is recorded."""

    def __init__(self, open_by: Open, real: Callable[[], Awaitable[Transport]]) -> None:
        self._open_by = open_by
        self._real = real

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        """The response, recorded or replayed."""
        return await self._open_by(request, timeout, self._real)

    async def aclose(self) -> None:
        """Nothing: the transport behind it is its client's to close."""


class RecordingResponse:
    """A response that is recorded while it is read."""

    def __init__(self, inner: IncomingResponse, tape: RecordedResponse) -> None:
        self.status, self.headers = inner.status, inner.headers
        self._inner = inner
        self._tape = tape
        self._since = time.monotonic()

    async def read(self) -> bytes:
        """The next piece, which is also put on the tape."""
        try:
            piece = await self._inner.read()
        except LLMGateError as error:
            self._tape.ended = type(error).__name__
            raise
        now = time.monotonic()
        if piece:
            self._tape.pieces.append(piece)
            self._tape.pauses.append(now - self._since)
        else:
            self._tape.ended = END
        self._since = now
        return piece

    def close(self) -> None:
        """Close the response."""
        self._inner.close()

    def release(self) -> None:
        """Nothing more is read, since the stream's own end has come."""
        self._tape.ended = END
        leave: Callable[[], None] = getattr(self._inner, "release", self._inner.close)
        leave()


class ReplayedResponse:
    """A response from a tape; ``is_timed`` waits before each piece as the recording did."""

    def __init__(self, tape: RecordedResponse, *, is_timed: bool) -> None:
        self.status = tape.status
        self.headers = dict(tape.headers)
        self._tape = tape
        self._pieces = iter([piece for piece in tape.pieces if piece])
        self._pauses = iter(tape.pauses if is_timed else ())
        self._is_closed = False

    async def read(self) -> bytes:
        """The next piece as it was recorded, and at the end what came there."""
        if self._is_closed:
            raise ClosedError("the response was read after it had been closed")
        piece = next(self._pieces, b"")
        if piece:
            await asyncio.sleep(next(self._pauses, 0.0))
        elif self._tape.ended == LEFT:
            raise ReadError(
                "the recording of this response ends here: when it was made, nobody read on. "
                "Record it again (mode='all')"
            )
        elif self._tape.ended != END:
            failure: type[LLMGateError] = getattr(errors, self._tape.ended)
            raise failure("the recorded connection broke here")
        return piece

    def close(self) -> None:
        """Nothing more is read."""
        self._is_closed = True
