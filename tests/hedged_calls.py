"""Targets and clients, for tests of hedging."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from llmgate import Client
from llmgate.middleware import Middleware
from llmgate.testing import Canned, FakeProvider
from tests import virtual_time

HI: list[Any] = [{"role": "user", "content": "Hi"}]
HANGING = Canned(body=[], hang=True)


class Pace(Middleware):
    """How many seconds each call of a model takes; what is asked when, and what was cancelled."""

    def __init__(self, **seconds: float | list[float]) -> None:
        self._seconds = {
            name: iter(given if isinstance(given, list) else [given] * 100)
            for name, given in seconds.items()
        }
        self.asked = list[tuple[str, float]]()
        self.cancelled = list[tuple[str, float]]()
        self.most_retries = list[int | None]()

    async def _pass(self, call: Any, handler: Any) -> Any:
        name = call.model.partition("/")[0]
        self.asked.append((name, time.monotonic() - virtual_time.BEGINNING))
        self.most_retries.append(call.max_retries)
        assert call.hedge_after is None
        try:
            await asyncio.sleep(next(self._seconds[name]))
            return await handler(call)
        except asyncio.CancelledError:
            self.cancelled.append((name, time.monotonic() - virtual_time.BEGINNING))
            raise

    async def chat(self, call: Any, handler: Any) -> Any:
        return await self._pass(call, handler)

    async def embed(self, call: Any, handler: Any) -> Any:
        return await self._pass(call, handler)


def client_of(
    answers: Mapping[str, Iterable[Any]], *middleware: Middleware, **settings: Any
) -> Any:
    """A client with a provider for each of these names."""
    providers = {name: FakeProvider(given) for name, given in answers.items()}
    return Client(providers=providers, middleware=middleware, **settings)


def sent(client: Any) -> dict[str, int]:
    """How many requests each provider was sent."""
    given: dict[str, FakeProvider] = client._registry._given
    found = {name: len(provider.transport.requests) for name, provider in given.items()}
    return {name: count for name, count in found.items() if count}


def attempts(found: Any) -> list[tuple[str, str | None]]:
    """The targets that were asked, and how that ended."""
    return [(attempt.target, attempt.error) for attempt in found.attempts]


def in_no_time(test: Callable[[], Awaitable[None]]) -> Callable[[], None]:
    """Run a test in virtual time; nothing but its own task may be left at its end."""

    async def main() -> None:
        await test()
        assert {asyncio.current_task()} == asyncio.all_tasks()

    def run() -> None:
        virtual_time.run(main)

    run.__name__, run.__doc__ = test.__name__, test.__doc__
    return run
