"""aiohttp's connections and bodies, with changes so that nothing is lost, left open or endless.

It leans on names that aiohttp keeps private, which are checked before any of it is used. It
chooses no address, and retries nothing.
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
    """A connection that knows how often it has served, and whether a response has begun."""

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
        """A connection has been made, over which much may come that waits for its reader."""
        super().connection_made(transport)
        self._poll = input_poll(transport)
        self._bounds_reads = hasattr(transport, "max_size")  # which uvloop's and TLS's have not

    def set_response_params(self, **parameters: Any) -> None:
        """A request is about to be sent."""
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
        """Something came. If it is no HTTP, aiohttp would leave whoever reads a body waiting."""
        self._last_piece, self._is_first, self._reads = data, not self.answers, True
        if self.answers:
            super().data_received(data)
        else:
            self.answers = bool(data)  # aiohttp itself calls this with nothing
            self._first_piece = data
            super().data_received(data)
            self._first_piece = b""
        self._reads = False
        if data and not self.answers:  # it came to rest meanwhile, within this piece or at its end
            self.rest()
        if self._exception is not None and self._payload is not None:
            malformed = aiohttp.ClientPayloadError("the body is not well-formed")
            malformed.__cause__ = self._exception
            self._payload.set_exception(malformed)

    def rest(self) -> None:
        """A response has ended, and the connection waits for the next request."""
        self._rested_at = time.monotonic()
        self.answers = False
        if not self._reads:  # else what is left of a piece is still to be looked at
            self.answers = self._has_begun_another()
            self._last_piece = b""

    def _has_begun_another(self) -> bool:
        """Whether a part of another head came with the end of a response, which nobody asked for.

        aiohttp tells of whole heads only. Its parser, which has done its work, is asked: it takes
        one more for what it is, or begins in the midst of another. That is spared where a piece
        ends with a blank line, and so holds whole heads, or is a response of the length it names.
        """
        piece = self._last_piece
        if not piece or piece.endswith(b"\r\n\r\n"):
            return False
        if self._is_first and self._length == str(len(piece) - piece.find(b"\r\n\r\n") - 4):
            return False
        parser: Any = self._parser
        if parser is None or self.should_close:  # nor is it used again, and a body may go on
            return False
        try:
            found, _, _ = parser.feed_data(_ANOTHER)
        except HttpProcessingError:
            return True
        heads = [(head.code, head.reason, head.raw_headers) for head, _ in found]
        return heads != [(204, "Another", ())]

    def feed_data(self, data: Any, size: int = 0) -> None:
        """The head of a response. Those that only announce one (1xx) are not without end."""
        self._announced += data[0].code < 200
        self._length = data[0].headers.get(CONTENT_LENGTH)
        if self._announced > _MAX_ANNOUNCEMENTS:
            self.set_exception(aiohttp.ClientPayloadError("it only announces a response"))
            return
        if type(data[1]) is aiohttp.StreamReader:
            data[1].__class__ = Body
        super().feed_data(data, size)

    def set_exception(self, exc: BaseException, *cause: Any, **named: Any) -> None:
        """Something is no HTTP, or the connection broke.

        Of a piece that is not all HTTP, aiohttp forgets the responses before the rest. It is
        read again up to there, from one blank line to the next.
        """
        if cause and isinstance(cause[0], BaseException):
            exc.__cause__ = cause[0]  # aiohttp notes it only where somebody waits
        piece, self._first_piece = self._first_piece, b""
        if piece and isinstance(exc, HttpProcessingError):
            super().set_response_params(**self._parameters)
            for part in _BLANK_LINE.split(piece):
                if part and self._exception is None:
                    super().data_received(part)
        else:
            super().set_exception(exc, *cause, **named)

    def is_spoilt(self, doubted_until: float) -> bool:
        """Whether it broke while it was idle, something came on it that nobody asked for, or it
        had come to rest before this time."""
        if not self.served:
            return False
        is_doubted, poll = self._rested_at < doubted_until, self._poll
        has_broken = is_doubted or self.should_close or self.answers
        return has_broken or (poll is not None and bool(poll.poll(0)))

    def connection_lost(self, exc: BaseException | None) -> None:
        """It has ended; its socket is still there, and can be asked about the request."""
        mark, self._request_mark = self._request_mark, None
        if mark is not None and not self.answers:
            is_reset = isinstance(exc, OSError)
            self._unprocessed = mark.rules_out_processing(self.transport, is_reset=is_reset)
        super().connection_lost(exc)

    def close(self) -> None:
        """Close it at once, whether or not the server ever reads what is still to be sent.

        To a goodbye of TLS, asyncio would wait for an answer, for 30 seconds or longer than the
        loop lives.
        """
        transport = self.transport
        if transport is None or transport.is_closing() or transport.get_write_buffer_size():
            self.abort()
        else:
            is_secured = transport.get_extra_info("sslcontext") is not None
            super().close()
            if is_secured:
                self._loop.call_soon(transport.abort)  # not now: it may be in the midst of reading

    def explain(
        self, error: aiohttp.ClientOSError | aiohttp.ServerDisconnectedError
    ) -> ExplainedError:
        """Why there is no response."""
        return broken_connection(error, unprocessed=self._unprocessed)

    def mark(self, cancelled: asyncio.CancelledError) -> None:
        """Note that a cancellation came before the request was taken."""
        if self.writing_paused:
            mark_phase(cancelled, "write")


class Body(aiohttp.StreamReader):
    """A body that is read as it comes: without a note of where HTTP's chunks end, and without a
    word to the connection at each of them, which was the larger part of what a chunk cost.

    It takes the place of aiohttp's own when the head of a response has come.
    """

    __slots__ = ()

    def begin_http_chunk_receiving(self) -> None:
        """A chunk begins, which nobody needs to know."""

    def end_http_chunk_receiving(self) -> None:
        """A chunk has ended, which nobody needs to know."""

    def feed_data(self, data: bytes, size: int = 0) -> bool:  # noqa: ARG002 - aiohttp's signature
        """More has come; the server has to wait when it is much that nobody reads."""
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
        """What is there, or what comes first; empty at the end."""
        if self._exception is not None:
            raise self._exception
        while not self._buffer and not self._eof:
            await self._wait("readany")
        return self._read_nowait(-1)

    def unread(self) -> bytes:
        """What came before a failure, which :meth:`readany` would keep to itself."""
        return self._read_nowait(-1)

    def _read_nowait(self, n: int) -> bytes:  # noqa: ARG002 - it is always -1
        """All that is there."""
        pieces = self._buffer
        data = pieces[0] if len(pieces) == 1 else b"".join(pieces)
        pieces.clear()
        self._size = 0
        if self._protocol._reading_paused:  # pyright: ignore[reportPrivateUsage]
            self._protocol.resume_reading()
        return data
