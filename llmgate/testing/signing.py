"""What ``authorize`` may use, for tests: a clock that stands, and responses from memory.

It opens no socket, and shares nothing with another.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Any, TypeVar

from llmgate.errors import LLMGateError
from llmgate.options import Timeout
from llmgate.provider import Expiring
from llmgate.provider.http import HttpRequest, HttpResponse
from llmgate.testing.canned import Answerer, Canned, CannedTransport

__all__ = ["FixedSigning"]

Token = TypeVar("Token", bound=Expiring)


class FixedSigning:
    """``await provider.authorize(request, FixedSigning())``, without a client.

    ``responses`` answer what is sent, in their order or as a callable chooses them; what was sent
    is in ``requests``. ``now`` and ``previous`` may be set between two attempts.
    """

    def __init__(
        self,
        responses: Iterable[Canned | LLMGateError] | Answerer = (),
        *,
        now: datetime = datetime(2026, 1, 1, tzinfo=UTC),
        model: str = "model",
        previous: HttpResponse | None = None,
    ) -> None:
        self.now = now
        self.model = model
        self.previous = previous
        self._transport = CannedTransport(responses)
        self._tokens: dict[str, Any] = {}

    @property
    def requests(self) -> list[HttpRequest]:
        """What was sent."""
        return self._transport.requests

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The next response."""
        incoming = await self._transport.open(request, Timeout())
        body = b"".join([piece async for piece in _pieces(incoming.read)])
        incoming.close()
        return HttpResponse(incoming.status, incoming.headers, body)

    async def once(self, key: str, make: Callable[[], Awaitable[Token]]) -> Token:
        """The token of that key, until it expires or was refused."""
        found: Token | None = self._tokens.get(key)
        is_refused = self.previous is not None and self.previous.status in (401, 403)
        expires = None if found is None else found.expires
        if found is None or is_refused or (expires is not None and expires <= self.now):
            found = self._tokens[key] = await make()
        return found


async def _pieces(read: Callable[[], Awaitable[bytes]]) -> AsyncIterator[bytes]:
    while piece := await read():
        yield piece
