"""What a provider's ``authorize`` may use: the clock, requests for tokens, and a cache of tokens.

It signs nothing itself, and reads no provider's format.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias, TypeVar, cast

from llmgate.errors import DeadlineExceededError, LLMGateError, ResponseTooLargeError
from llmgate.provider.http import HttpRequest, HttpResponse

if TYPE_CHECKING:
    from datetime import datetime

    from llmgate._core.state import CallState
    from llmgate.provider import Provider, ProviderCall
    from llmgate.provider.contract import Expiring

Token = TypeVar("Token", bound="Expiring")
Key: TypeAlias = tuple[int, str]

_MAX_BODY = 1024 * 1024
"""The largest response to a request for a token, in bytes."""
_MAKE_SECONDS = 60.0
_MARGIN_SECONDS = 60.0
"""How long before its end a token counts as expired; a tenth of its life, if that is less."""
_CHECK_SECONDS = 1.0
"""How often a call looks whether the loop on which another one makes the token still runs."""
_MAX_TOKENS = 256
REFUSED = (401, 403)
"""Statuses of a request whose credentials may be why it was refused."""


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
        is_refused = previous is not None and previous.status in REFUSED
        refused = state.tokens_used.get(key) if is_refused else None
        provider = getattr(state.provider, "__wrapped__", state.provider)
        token = await state.tokens.get(provider, key, make, refused)
        state.tokens_used[key] = token
        return cast("Token", token)


class PreviewSigning:
    """The :class:`~llmgate.provider.Signing` of a call that is not made: nothing is sent for it."""

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
        """What ``make`` returns, if it needs nothing to be sent."""
        return await make()


def _now() -> datetime:
    from datetime import UTC, datetime  # noqa: PLC0415 - few providers sign with it

    return datetime.now(UTC)


class _AbandonedError(Exception):
    """The event loop on which a token was being made has ended."""


class TokenCache:
    """The tokens of one client: each is made once for all calls that need it.

    Calls may come from several event loops at once, on threads of their own.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Key, _Entry] = {}

    async def get(
        self,
        provider: Provider,
        key: str,
        make: Callable[[], Awaitable[Expiring]],
        refused: Expiring | None,
    ) -> Expiring:
        """The cached token of that key, made if none is valid.

        ``refused`` is the token that the provider did not accept a moment ago.
        """
        while True:
            entry, is_new = self._entry(provider, key, refused)
            if is_new:
                entry.start(make)
            try:
                return await entry.wait()
            except _AbandonedError:
                if is_new:
                    raise RuntimeError("the token was not made: that was cancelled") from None
            except LLMGateError as error:  # each caller adds to its own what it knows of its call
                raise (error if is_new else copy.copy(error)) from None

    def _entry(self, provider: Provider, key: str, refused: Expiring | None) -> tuple[_Entry, bool]:
        """The entry to wait for, and whether it is a new one."""
        name = (id(provider), key)
        with self._lock:
            found = self._entries.get(name)
            if found is not None and found.provider is provider and found.is_usable(refused):
                return found, False
            self._entries.pop(name, None)
            while len(self._entries) >= _MAX_TOKENS:  # providers whose keys rotate are many
                self._entries.pop(next(iter(self._entries)))
            made = self._entries[name] = _Entry(provider)
            return made, True


class _Entry:
    """One token: being made by a task of its own, made, or failed."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider  # held, so that no other object has its id meanwhile
        self._loop = asyncio.get_running_loop()
        self._future: Future[Expiring] = Future()
        self._future.set_running_or_notify_cancel()  # so that nobody who waits can cancel it
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0

    def start(self, make: Callable[[], Awaitable[Expiring]]) -> None:
        """Begin to make the token."""
        self._task = self._loop.create_task(self._make(make))

    def is_usable(self, refused: Expiring | None) -> bool:
        """Whether the token is valid, or is being made."""
        if not self._future.done():
            return self._loop.is_running()
        if self._future.exception() is not None:
            return False
        return self._future.result() is not refused and time.time() < self._until

    async def wait(self) -> Expiring:
        """The token, once it is made.

        Raises:
            _AbandonedError: when it will never be.
            Exception: whatever ``make`` raised.
        """
        if self._future.done():
            return self._future.result()
        waiting = asyncio.wrap_future(self._future)
        try:
            while not waiting.done():
                await asyncio.wait({waiting}, timeout=_CHECK_SECONDS)
                if not (waiting.done() or self._loop.is_running()):
                    raise _AbandonedError
            return waiting.result()
        finally:
            waiting.cancel()

    async def _make(self, make: Callable[[], Awaitable[Expiring]]) -> None:
        limit = asyncio.timeout(_MAKE_SECONDS)
        try:
            async with limit:
                token = await make()
            self._until = _usable_until(token)
        except asyncio.CancelledError:
            self._future.set_exception(_AbandonedError())
            raise
        except BaseException as error:  # noqa: BLE001 - whoever waits for it is to have it
            late = DeadlineExceededError(f"no token within {_MAKE_SECONDS:g} s")
            self._future.set_exception(late if limit.expired() else error)
        else:
            self._future.set_result(token)


def _usable_until(token: Expiring) -> float:
    """The time until which a new token is used, in seconds since the epoch."""
    expires: Any = token.expires
    if expires is None:
        return float("inf")
    end: float = expires.timestamp()
    return end - max(0.0, min(_MARGIN_SECONDS, (end - time.time()) / 10))
