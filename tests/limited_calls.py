"""Clients with limits, and a clock, for their tests."""

from __future__ import annotations

import asyncio
from typing import Any

from llmgate import Client, Completion
from llmgate.middleware import Middleware
from llmgate.middlewares.limits import Limits
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
ONE = {"requests": 1, "tokens": 0}


class Slow(Middleware):
    """Takes a while; counts how many calls there are at once."""

    def __init__(self, seconds: float = 0.01) -> None:
        self.seconds = seconds
        self.running = self.most = self.calls = 0

    async def chat(self, call: Any, handler: Any) -> Any:
        self.running += 1
        self.calls += 1
        self.most = max(self.most, self.running)
        try:
            await asyncio.sleep(self.seconds)
            return await handler(call)
        finally:
            self.running -= 1


def client_of(
    limits: Middleware, *further: Middleware, answers: Any = None, **settings: Any
) -> Any:
    """A client with limits around a provider that answers with one word."""
    provider = FakeProvider(["word"] * 10_000 if answers is None else answers)
    settings.setdefault("max_retries", 0)
    middleware = [limits, *further]
    return Client(providers={"fake": provider, "b": provider}, middleware=middleware, **settings)


async def ask(client: Any, model: Any = "fake/m", **options: Any) -> Completion:
    """One call."""
    completion: Completion = await client.acompletion(model, HI, **options)
    return completion


def groups_in(limits: Limits) -> dict[tuple[int, str], Any]:
    """All groups of which something is known."""
    store: Any = limits._store
    groups: dict[tuple[int, str], Any] = store._groups
    return groups


def group_of(limits: Limits, name: str = "fake/m", number: int = 0) -> Any:
    """What is known of a group."""
    return groups_in(limits)[number, name]
