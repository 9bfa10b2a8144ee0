"""Streams from memory, in exactly the pieces that a test says: what a socket cannot promise.

It knows no fault; what is done to these bytes is the business of the families of faults.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import urlsplit

from llmgate import Client, LLMGateError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Chunk, Completion
from tests.faults.calls import HI
from tests.faults.dialect import Dialect
from tests.faults.peer import Seen

__all__ = ["NOWHERE", "Reader"]

NOWHERE = "http://127.0.0.1:9/v1"
"""The address of nobody."""
_STREAM = {"content-type": "text/event-stream"}


class Reader:
    """Reads streams of one provider, each from the pieces that are handed in."""

    def __init__(self, dialect: Dialect) -> None:
        self.dialect = dialect
        self._pieces: Sequence[bytes] = ()
        self._transport = CannedTransport(self._answer)
        provider = with_transport(dialect.make(NOWHERE), self._transport)
        self._client = Client(providers={dialect.name: provider}, max_retries=0)

    @property
    def requests(self) -> list[HttpRequest]:
        """What was sent."""
        return self._transport.requests

    async def read(self, *pieces: bytes, **options: Any) -> tuple[list[Chunk], Completion]:
        """The chunks, and what they add up to."""
        self._pieces = pieces
        call: dict[str, Any] = {"model": self.dialect.model, "messages": HI, **options}
        opened = await self._client.acompletion(stream=True, **call)
        chunks = [chunk async for chunk in opened]
        return chunks, await opened.completion()

    async def outcome(self, *pieces: bytes) -> Completion | LLMGateError:
        """The answer, or what was raised in its place; anything else passes."""
        try:
            return (await self.read(*pieces))[1]
        except LLMGateError as error:
            return error

    def _answer(self, request: HttpRequest) -> Canned:
        headers = {name.lower(): value for name, value in request.headers.items()}
        target = urlsplit(request.url).path
        aside = self.dialect.aside(
            Seen(request.method, target, headers, request.body), "http://127.0.0.1:9/v1"
        )
        if aside is None:
            return Canned(200, _STREAM, self._pieces)
        head, _, body = aside.partition(b"\r\n\r\n")
        return Canned(int(head.split()[1]), {}, body)
