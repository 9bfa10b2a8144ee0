"""Calls over a transport on each of its paths, for its tests."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest

from llmgate.errors import (
    LLMGateError,
)
from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings
from tests.faults.calls import HI, MODEL, client_of, is_ours
from tests.faults.server import COMPLETION, reply

ANSWER = reply(body=COMPLETION)
PATHS = ["public", "fast"] if find_spec("llmgate.transports._fast") else ["public"]


async def failure_of(url: str, **settings: Any) -> LLMGateError:
    """The error of a call to an address."""
    async with client_of(url, **settings) as client:
        with pytest.raises(LLMGateError) as caught:
            await client.acompletion(MODEL, HI)
    assert is_ours(caught.value)
    return caught.value


def transport() -> _Opened:
    """A transport with the default settings."""
    return _Opened()


class _Opened:
    async def __aenter__(self) -> AiohttpTransport:
        self._transport = await AiohttpTransport.start(HttpSettings())
        return self._transport

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()


async def drained(incoming: Any) -> bytes:
    """The whole body, and the connection given back."""
    pieces = list[bytes]()
    while piece := await incoming.read():
        pieces.append(piece)
    incoming.close()
    return b"".join(pieces)
