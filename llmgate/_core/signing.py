"""What a provider's ``authorize`` may use: the clock, requests for tokens, and a cache of tokens.

It signs nothing itself, and reads no provider's format.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar, cast

from llmgate._core.state import CallState
from llmgate._core.token_cache import REJECTED
from llmgate._core.views import innermost
from llmgate.errors import LLMGateError, ResponseTooLargeError
from llmgate.provider.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from datetime import datetime

    from llmgate.provider import ProviderCall
    from llmgate.provider.contract import Expiring

Token = TypeVar("Token", bound="Expiring")

_MAX_BODY = 1024 * 1024
"""The largest response to a token request, in bytes."""


class CallSigning:
    """The :class:`~llmgate.provider.Signing` of one call."""

    __slots__ = ("_state",)

    def __init__(self, state: CallState) -> None:
        self._state = state

    @property
    def now(self) -> datetime:
        """The time, as an aware datetime in UTC."""
        return _now()

    @property
    def model(self) -> str:
        """The provider's own name of the call's model."""
        return self._state.call.model

    @property
    def previous(self) -> HttpResponse | None:
        """The response to the previous attempt at the same request, if there was one."""
        return self._state.previous

    async def send(self, request: HttpRequest) -> HttpResponse:
        """The response to a request for a token, whatever its status."""
        incoming = await self._state.transport.open(request, self._state.timeout)
        pieces, size = list[bytes](), 0
        try:
            while piece := await incoming.read():
                pieces.append(piece)
                size += len(piece)
                if size > _MAX_BODY:
                    raise ResponseTooLargeError(f"the response is larger than {_MAX_BODY} bytes")
        finally:
            incoming.close()
        return HttpResponse(incoming.status, incoming.headers, b"".join(pieces))

    async def once(self, key: str, make: Callable[[], Awaitable[Token]]) -> Token:
        """The token that ``make`` returned, shared by all calls of the client to this provider."""
        state, previous = self._state, self.previous
        is_rejected = previous is not None and previous.status in REJECTED
        rejected = state.tokens_used.get(key) if is_rejected else None
        token = await state.tokens.get(innermost(state.provider), key, make, rejected)
        state.tokens_used[key] = token
        return cast("Token", token)


class PreviewSigning:
    """The :class:`~llmgate.provider.Signing` of a preview: nothing is sent for it."""

    previous = None

    def __init__(self, call: ProviderCall) -> None:
        self.model = call.model

    @property
    def now(self) -> datetime:
        """The time, as an aware datetime in UTC."""
        return _now()

    async def send(self, request: HttpRequest) -> HttpResponse:
        """Raise, since a preview sends nothing."""
        raise LLMGateError(f"a preview does not send {request!r}")

    async def once(self, key: str, make: Callable[[], Awaitable[Token]]) -> Token:  # noqa: ARG002
        """The token that ``make`` returns, if it sends nothing."""
        return await make()


def _now() -> datetime:
    from datetime import UTC, datetime  # noqa: PLC0415 - few providers sign with the time

    return datetime.now(UTC)
