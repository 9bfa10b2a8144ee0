"""The sockets of one connection pool: they can be closed even after their loop has ended."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any
from weakref import WeakSet


class OpenSockets:
    """Makes sockets, as aiohttp's ``socket_factory``, and keeps track of the open ones."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._process = os.getpid()
        self._sockets = WeakSet[socket.socket]()

    def __call__(self, address: tuple[Any, ...]) -> socket.socket:
        """A socket for an address, as ``getaddrinfo`` describes it."""
        family, kind, protocol, *_ = address
        made = socket.socket(family, kind, protocol)
        self._sockets.add(made)
        return made

    @property
    def are_inherited(self) -> bool:
        """Whether this is a forked child, so that they are its parent's."""
        return self._process != os.getpid()

    def __len__(self) -> int:
        return sum(each.fileno() >= 0 for each in self._sockets)

    def close(self) -> None:
        """Close them all, after the loop has ended and can no longer do so.

        asyncio's transports would warn that they were not closed themselves. They are found by a
        private name of asyncio; without it, everything is closed all the same, and they warn.
        """
        transports = getattr(self._loop, "_transports", {})
        for each in list(self._sockets):
            lost = getattr(transports.get(each.fileno()), "_call_connection_lost", None)
            if lost is not None:
                with suppress(Exception):  # its waiters can no longer be called
                    lost(None)
            each.close()
