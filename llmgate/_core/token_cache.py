"""A cache of the access tokens of providers: each token is made once for all calls of a client.

It knows no provider's format; it is given the function that makes a token.
"""

from __future__ import annotations

import asyncio
import copy
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import Future
from threading import Lock
from typing import TYPE_CHECKING, Any, TypeAlias

from llmgate.errors import DeadlineExceededError, LLMGateError

if TYPE_CHECKING:
    from llmgate.provider import Provider
    from llmgate.provider.contract import Expiring

Key: TypeAlias = tuple[int, str]

_MAKE_SECONDS = 60.0
_MARGIN_SECONDS = 60.0
"""How long before its end a token counts as expired; a tenth of its lifetime, if that is less."""
_CHECK_SECONDS = 1.0
"""How often a call checks that the loop on which another call makes the token is still running."""
_MAX_TOKENS = 256
REJECTED = (401, 403)
"""Statuses of a request that was rejected, possibly because of its credentials."""


class _AbandonedError(Exception):
    """The event loop on which a token was being made has ended, or the task that made it was
    cancelled."""


class TokenCache:
    """The tokens of one client: each is made once for all calls that need it.

    Calls may come from several event loops at once, each on its own thread.
    """

    def __init__(self) -> None:
        self._lock = Lock()
        self._entries: dict[Key, _Entry] = {}

    async def get(
        self,
        provider: Provider,
        key: str,
        make: Callable[[], Awaitable[Expiring]],
        rejected: Expiring | None,
    ) -> Expiring:
        """The cached token of that key, made if none is valid.

        ``rejected`` is the token that the provider has just rejected.
        """
        while True:
            entry, is_new = self._entry(provider, key, rejected)
            if is_new:
                entry.start(make)
            try:
                return await entry.wait()
            except _AbandonedError:
                if is_new:
                    raise RuntimeError("the token was not made: this was cancelled") from None
            except LLMGateError as error:  # each caller adds details of its call to its own copy
                raise (error if is_new else copy.copy(error)) from None

    def _entry(
        self, provider: Provider, key: str, rejected: Expiring | None
    ) -> tuple[_Entry, bool]:
        """The entry to wait for, and whether it is new."""
        name = (id(provider), key)
        with self._lock:
            found = self._entries.get(name)
            if found is not None and found.provider is provider and found.is_usable(rejected):
                return found, False
            self._entries.pop(name, None)
            while len(self._entries) >= _MAX_TOKENS:  # rotating keys make many providers
                self._entries.pop(next(iter(self._entries)))
            made = self._entries[name] = _Entry(provider)
            return made, True


class _Entry:
    """One token: being made by its own task, ready, or failed."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider  # kept alive, so that its id is not reused
        self._loop = asyncio.get_running_loop()
        self._future: Future[Expiring] = Future()
        self._future.set_running_or_notify_cancel()  # so that nobody who waits can cancel it
        self._task: asyncio.Task[None] | None = None
        self._until = 0.0

    def start(self, make: Callable[[], Awaitable[Expiring]]) -> None:
        """Begin to make the token."""
        self._task = self._loop.create_task(self._make(make))

    def is_usable(self, rejected: Expiring | None) -> bool:
        """Whether the token is valid, or is being made."""
        if not self._future.done():
            return self._loop.is_running()
        if self._future.exception() is not None:
            return False
        return self._future.result() is not rejected and time.time() < self._until

    async def wait(self) -> Expiring:
        """The token, once it is made.

        Raises:
            _AbandonedError: when it will never be made.
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
