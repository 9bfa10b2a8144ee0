"""aiohttp's connections and bodies, changed so that nothing is lost, left open or endless.

It relies on private names of aiohttp, which are checked before it is used. It chooses no address,
and retries nothing.
"""

from __future__ import annotations

import asyncio
import re
import time
from typing import Any

import aiohttp
from aiohttp.client_proto import ResponseHandler
from aiohttp.hdrs import CONTENT_LENGTH
from aiohttp.http import HttpProcessingError

from llmgate.transports._failures import ExplainedError, broken_connection
from llmgate.transports._session import READ_BUFFER
from llmgate.transports._unprocessed import RequestMark, input_poll
from llmgate.transports._waiting import mark_phase

_MAX_ANNOUNCEMENTS = 1000
_ANOTHER = b"HTTP/1.1 204 Another\r\n\r\n"
_BLANK_LINE = re.compile(rb"(?<=\r\n\r\n)")


class Wire(ResponseHandler):
    """A connection that knows how often it was used, and whether a response has begun."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        super().__init__(loop)
        self.served = 0
        self.answers = False
        self._announced = 0
        self._parameters: dict[str, Any] = {}
        self._first_piece = b""
        self._last_piece = b""
        self._bounds_reads = False
        self._is_first = False
        self._length: str | None = None
        self._reads = False
        self._rested_at = 0.0
        self._poll: Any = None
        self._request_mark: RequestMark | None = None
        self._unprocessed = False

    def connection_made(self, transport: Any) -> None:
        """Called when a connection is made; much data may wait for its reader there."""
        super().connection_made(transport)
        self._poll = input_poll(transport)
        self._bounds_reads = hasattr(transport, "max_size")  # uvloop's and TLS's transports lack it

    def set_response_params(self, **parameters: Any) -> None:
        """Called before a request is sent."""
        self._request_mark = RequestMark(self.transport) if self.served else None
        self.served += 1
        self.answers = False
        self._announced = 0
        self._last_piece = b""
        self._parameters = parameters
        transport: Any = self.transport
        if self._bounds_reads and transport is not None:
            transport.max_size = 2 * parameters.get("read_bufsize", READ_BUFFER)
        super().set_response_params(**parameters)

    def data_received(self, data: bytes) -> None:
        """Called when data came. If it is not valid HTTP, aiohttp would leave the reader of a body
        waiting."""
        self._last_piece, self._is_first, self._reads = data, not self.answers, True
        if self.answers:
            super().data_received(data)
        else:
            self.answers = bool(data)  # aiohttp itself calls this with no data
            self._first_piece = data
            super().data_received(data)
            self._first_piece = b""
        self._reads = False
        if data and not self.answers:  # it became idle within this piece, or at its end
            self.rest()
        if self._exception is not None and self._payload is not None:
            malformed = aiohttp.ClientPayloadError("the body is not well-formed")
            malformed.__cause__ = self._exception
            self._payload.set_exception(malformed)

    def rest(self) -> None:
        """Called when a response has ended, and the connection waits for the next request."""
        self._rested_at = time.monotonic()
        self.answers = False
        if not self._reads:  # otherwise the rest of the piece is checked later
            self.answers = self._has_begun_another()
            self._last_piece = b""

    def _has_begun_another(self) -> bool:
        """Whether an unrequested part of another head came with the end of a response.

        aiohttp reports only whole heads. So its parser, which has done its work, is given one more
        head: it reads it as such, unless it was in the middle of another. This test is skipped if a
        piece ends with a blank line, so that its heads are whole, or is a response of exactly the
        stated length.
        """
        piece = self._last_piece
        if not piece or piece.endswith(b"\r\n\r\n"):
            return False
        if self._is_first and self._length == str(len(piece) - piece.find(b"\r\n\r\n") - 4):
            return False
        parser: Any = self._parser
        if parser is None or self.should_close:  # it is not reused, and a body may go on
            return False
        try:
            found, _, _ = parser.feed_data(_ANOTHER)
        except HttpProcessingError:
            return True
        heads = [(head.code, head.reason, head.raw_headers) for head, _ in found]
        return heads != [(204, "Another", ())]

    def feed_data(self, data: Any, size: int = 0) -> None:
        """Called with the head of a response. The number of heads that only announce one (1xx) is
        limited."""
        self._announced += data[0].code < 200
        self._length = data[0].headers.get(CONTENT_LENGTH)
        if self._announced > _MAX_ANNOUNCEMENTS:
            self.set_exception(aiohttp.ClientPayloadError("it only announces a response"))
            return
        if type(data[1]) is aiohttp.StreamReader:
            data[1].__class__ = Body
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: Any, **named: Any) -> None:
        """Called when data was not valid HTTP, or the connection broke.

        If a piece is only partly HTTP, aiohttp loses the responses before the invalid part. They
        are read again up to there, from one blank line to the next.
        """
        if cause and isinstance(cause[0], BaseException):
            exc.__cause__ = cause[0]  # aiohttp sets it only if somebody waits
        piece, self._first_piece = self._first_piece, b""
        if piece and isinstance(exc, HttpProcessingError):
            super().set_response_params(**self._parameters)
            for part in _BLANK_LINE.split(piece):
                if part and self._exception is None:
                    super().data_received(part)
        else:
            super().set_exception(exc, *cause, **named)

    def is_spoilt(self, doubted_until: float) -> bool:
        """Whether it broke while it was idle, received data that nobody requested, or had become
        idle before this time."""
        if not self.served:
            return False
        is_doubted, poll = self._rested_at < doubted_until, self._poll
        has_broken = is_doubted or self.should_close or self.answers
        return has_broken or (poll is not None and bool(poll.poll(0)))

    def connection_lost(self, exc: BaseException | None) -> None:
        """Called when it has ended; its socket still exists, and can be asked about the request."""
        mark, self._request_mark = self._request_mark, None
        if mark is not None and not self.answers:
            is_reset = isinstance(exc, OSError)
            self._unprocessed = mark.rules_out_processing(self.transport, is_reset=is_reset)
        super().connection_lost(exc)

    def close(self) -> None:
        """Close it at once, even if the server never reads the unsent data.

        asyncio would wait for the peer's TLS goodbye, for 30 seconds or beyond the end of the loop.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
        else:
            is_secured = transport.get_extra_info("sslcontext") is not None
            super().close()
            if is_secured:
                self._loop.call_soon(transport.abort)  # not now: it may be reading

    def explain(
        self, error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError
    ) -> ExplainedError:
        """The error that says why there is no response."""
        return broken_connection(error, unprocessed=self._unprocessed)

    def mark(self, cancelled: asyncio.CancelledError) -> None:
        """Mark that a cancellation came before the request was sent."""
        if self.writing_paused:
            mark_phase(cancelled, "write")


class Body(aiohttp.StreamReader):
    """A body that is read as it arrives. It does not record where HTTP's chunks end, nor notify the
    connection at each of them, which was most of the cost of a chunk.

    It replaces aiohttp's own body when the head of a response has come.
    """

    __slots__ = ()

    def begin_http_chunk_receiving(self) -> None:
        """Ignore the beginning of an HTTP chunk."""

    def end_http_chunk_receiving(self) -> None:
        """Ignore the end of an HTTP chunk."""

    def feed_data(self, data: bytes, size: int = 0) -> bool:  # noqa: ARG002 - aiohttp's signature
        """Called when more data has come; the server has to wait if too much of it is unread."""
        if data:
            self._buffer.append(data)
            self._size += len(data)
            waiter, self._waiter = self._waiter, None
            if waiter is not None and not waiter.done():
                waiter.set_result(None)
            if self._size > self._high_water or len(self._buffer) > self._high_water_chunks:
                self._protocol.pause_reading()
        return False

    async def readany(self) -> bytes:
        """The data that is there, or the next that comes; empty at the end."""
        if self._exception is not None:
            raise self._exception
        while not self._buffer and not self._eof:
            await self._wait("readany")
        return self._read_nowait(-1)

    def unread(self) -> bytes:
        """The data from before a failure, which :meth:`readany` would not return."""
        return self._read_nowait(-1)

    def _read_nowait(self, n: int) -> bytes:  # noqa: ARG002 - it is always -1
        """All the data that is there."""
        pieces = self._buffer
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self._protocol._reading_paused:  # pyright: ignore[reportPrivateUsage]
            self._protocol.resume_reading()
        return data
