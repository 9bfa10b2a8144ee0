"""Looks up the addresses of hosts, on our own threads; aiohttp caches the results.

aiohttp's own resolver uses the loop's default executor, whose threads may all be busy.
"""

from __future__ import annotations

import socket
from functools import partial
from typing import Any

from aiohttp.abc import AbstractResolver, ResolveResult

from llmgate.provider.threads import BoundedThreads

_MAX_LOOKUPS = 16
"""Lookups at the same time. One that no name server answers takes half a minute."""


class ThreadResolver(AbstractResolver):
    """Resolves names through the system. aiohttp does not call it for literal addresses."""

    def __init__(self) -> None:
        self._threads = BoundedThreads(_MAX_LOOKUPS)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """Every address of a host for TCP.

        Raises:
            OSError: when there is none (``socket.gaierror``).
            UnicodeError: when the name cannot be one.
        """
        return await self._threads.run(partial(_lookup, host, port, family))

    async def close(self) -> None:
        """Nothing is kept. aiohttp cancels the lookups that are still awaited."""


def _lookup(host: str, port: int, family: int) -> list[ResolveResult]:
    def ask(flags: int) -> list[Any]:
        return socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=flags)

    try:
        found = ask(socket.AI_ADDRCONFIG)  # no IPv6 addresses if this machine has none itself
    except socket.gaierror:
        if host.rstrip(".").lower() != "localhost":
            raise
        found = ask(0)  # a machine without a network can still reach itself
    return [
        _result(host, kind, protocol, address)
        for kind, _, protocol, _, address in found
        if len(address) == _LENGTHS.get(kind)
    ]


_LENGTHS = {socket.AF_INET: 2, socket.AF_INET6: 4}
"""Address families. A Python without IPv6 returns other values for it."""


def _result(name: str, family: int, protocol: int, address: Any) -> ResolveResult:
    host, port, *more = address
    if more and more[1]:  # a scope id, which belongs to the address
        host, _ = socket.getnameinfo(address, socket.NI_NUMERICHOST | socket.NI_NUMERICSERV)
    return ResolveResult(
        hostname=name,
        host=host,
        port=port,
        family=family,
        proto=protocol,
        flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
    )
