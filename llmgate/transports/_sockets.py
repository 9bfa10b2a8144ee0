"""The sockets of one pool of connections: they can be closed even where their loop has ended."""

from __future__ import annotations

import asyncio
import os
import socket
from contextlib import suppress
from typing import Any
from weakref import WeakSet


class OpenSockets:
    """Makes sockets, as aiohttp's ``socket_factory``, and knows those that are open."""

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
        """Whether this is a forked child, and they are its parent's."""
        return self._process != os.getpid()

    def __len__(self) -> int:
        return sum(each.fileno() >= 0 for each in self._sockets)

    def close(self) -> None:
        """Close them all, after the loop has ended, which can close none any more.

        asyncio's transports would warn of sockets that were not closed by themselves. They are
        found by a name that asyncio keeps private; without it, all is closed, and they warn.
        """
        transports = getattr(self._loop, "_transports", {})
        for each in list(self._sockets):
            lost = getattr(transports.get(each.fileno()), "_call_connection_lost", None)
            if lost is not None:
                with suppress(Exception):  # whoever waits for it can no longer be called
                    lost(None)
            each.close()
