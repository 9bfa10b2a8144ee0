"""Calls of a client with a cache."""

from __future__ import annotations

from typing import Any

from llmgate import Client, Completion
from llmgate.middlewares.cache import Cache
from llmgate.testing import FakeProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]


def client_of(*answers: Any, cache: Any = None, **settings: Any) -> tuple[Any, FakeProvider]:
    """A client with a cache, and its provider."""
    provider = FakeProvider(answers)
    middleware = [Cache() if cache is None else cache]
    return Client(providers={"fake": provider}, middleware=middleware, **settings), provider


async def ask(client: Any, **options: Any) -> Completion:
    """A whole completion, of a stream too."""
    answer = await client.acompletion("fake/m", HI, **options)
    completion: Completion = await answer.completion() if options.get("stream") else answer
    return completion
