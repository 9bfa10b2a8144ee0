"""Finds out whether the end of a connection can be the server's reaction to what was written on it.

It reads what the system knows of a socket; it writes nothing and closes nothing. If the system does
not say, the end counts as a reaction, since the server may have acted on the request.
"""

from __future__ import annotations

import asyncio
import select
import socket
import struct
import sys
import time
from typing import Any, NamedTuple


def input_poll(transport: asyncio.BaseTransport | None) -> select.poll | None:
    """A poll object that tells whether an idle connection has something to read: its end, a reset,
    or unrequested bytes. The event loop may not have seen it yet, and a request written there could
    be lost. None if the system cannot be asked.

    Raises:
        ValueError: when the connection is closed.
    """
    connection: Any = None if transport is None else transport.get_extra_info("socket")
    if connection is None or not _CAN_POLL:
        return None
    poll = select.poll()
    poll.register(connection, select.POLLIN)
    return poll


def has_input(transport: asyncio.BaseTransport | None) -> bool:
    """Whether an idle connection has something to read, or is closed."""
    try:
        poll = input_poll(transport)
        return poll is not None and bool(poll.poll(0))
    except (OSError, ValueError):
        return True


_CAN_POLL = hasattr(select, "poll")


class RequestMark:
    """The state of a reused connection just before a request is written on it. It is consulted when
    the connection ends without a byte of a response."""

    __slots__ = ("_info", "_taken_at")

    def __init__(self, transport: asyncio.BaseTransport | None) -> None:
        self._info = _tcp_info(transport)
        self._taken_at = time.monotonic()

    def rules_out_processing(
        self, transport: asyncio.BaseTransport | None, *, is_reset: bool
    ) -> bool:
        """Whether the server sent this end before the request had reached it.

        It did if the end came faster than any round trip to the server so far. A reset was also
        sent before that if the server's system has acknowledged nothing of the request: the
        connection was unknown there, or the program had abandoned it.
        """
        passed, before = time.monotonic() - self._taken_at, _tcp_state(self._info)
        if before is not None and passed < before.shortest_round_trip:
            return True
        after = _tcp_state(_tcp_info(transport)) if is_reset else None
        if before is None or after is None:
            return False
        return after.is_closed and after.acknowledged == before.acknowledged


class _TCPState(NamedTuple):
    """What Linux says of a connection. ``acknowledged`` counts all bytes since it was made."""

    is_closed: bool
    shortest_round_trip: float
    acknowledged: int


_IS_LINUX = sys.platform == "linux"
_TCP_INFO = 11
_LAYOUT = "=B 67x I 48x Q 20x I"
"""The start of ``struct tcp_info`` of ``linux/tcp.h``: ``tcpi_state``, ``tcpi_rtt``,
``tcpi_bytes_acked`` and ``tcpi_min_rtt``, the last since Linux 4.6."""
_LENGTH = struct.calcsize(_LAYOUT)
_TCP_CLOSE = 7
_MICROSECOND = 1e-6


def _tcp_info(transport: asyncio.BaseTransport | None) -> bytes:
    """What the system says of a connection now; empty if this is not Linux, not TCP, or closed. It
    is parsed only if the connection ends too soon."""
    connection: Any = None if transport is None else transport.get_extra_info("socket")
    if connection is None or not _IS_LINUX:
        return b""
    try:
        info: bytes = connection.getsockopt(socket.IPPROTO_TCP, _TCP_INFO, _LENGTH)
    except (AttributeError, OSError, TypeError):
        return b""
    return info


def _tcp_state(info: bytes) -> _TCPState | None:
    """The parsed state; None if the system does not say."""
    if len(info) != _LENGTH:
        return None
    state, average, acknowledged, shortest = struct.unpack(_LAYOUT, info)
    # The average alone may include acknowledgements that the server delayed by 40 ms or more.
    return _TCPState(state == _TCP_CLOSE, min(average, shortest) * _MICROSECOND, acknowledged)
