"""Calls that cost money."""

from __future__ import annotations

import asyncio
from typing import Any

from llmgate import Client, Completion
from llmgate.middleware import Middleware
from llmgate.middlewares.limits import Limits
from llmgate.testing import Canned, FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
DAY = 86_400
PRICES = {"fake/m": {"input": 1000, "output": 2000}, "fake/euro": {"input": 1, "currency": "EUR"}}
"""A thousandth for a token that is read, two for one that is written."""
USED = Canned.json({"say": "a", "end": "done", "tokens": {"in": 10, "out": 5}})
COST = 20_000_000
"""Of that, in billionths."""
ESTIMATE = 18_000_001
"""Of ``ask``, whose prompt is 32 bytes: 32 / 4 thousandths, and 5 times two; rounded up."""


def client_of(*middleware: Middleware, answers: Any = None, **settings: Any) -> Any:
    """A client whose provider always uses as much."""
    provider = FakeProvider([USED] * 1000 if answers is None else answers)
    settings = {"max_retries": 0, "prices": PRICES, **settings}
    return Client(
        providers={"fake": provider, "b": FakeProvider([USED] * 9)},
        middleware=middleware,
        **settings,
    )


async def ask(client: Any, model: Any = "fake/m", **options: Any) -> Completion:
    """One call, of five tokens at most."""
    completion: Completion = await client.acompletion(model, HI, max_tokens=5, **options)
    return completion


def spent(limits: Limits, name: str = "fake/m", number: int = 0) -> tuple[int, int]:
    """What is spent and reserved in a group."""
    store: Any = limits._store
    group = store._groups[number, name]
    return group.spent, group.reserved


class Gate(Middleware):
    """Holds calls until it is opened."""

    def __init__(self) -> None:
        self.opened = asyncio.Event()

    async def chat(self, call: Any, handler: Any) -> Any:
        await self.opened.wait()
        return await handler(call)
