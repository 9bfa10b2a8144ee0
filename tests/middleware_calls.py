"""Clients with middleware, for its tests."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

from llmgate import Client, Completion
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Message

HI: list[Any] = [{"role": "user", "content": "Hi"}]
HELLO = Completion([Choice(Message("hello"), 0, "stop")])
Chat = Callable[[ChatCall, Handler], Awaitable[Any]]


class Of(Middleware):
    """A middleware made of one function."""

    def __init__(self, chat: Chat) -> None:
        self._chat = chat

    async def chat(self, call: ChatCall, handler: Handler) -> Any:
        return await self._chat(call, handler)


def client_of(
    *middleware: Middleware | str, answers: Any = ("a", "b", "c"), **settings: Any
) -> Any:
    """A client with these layers around a provider that gives these answers."""
    settings.setdefault("max_retries", 0)
    return Client(
        providers={"fake": FakeProvider(answers), "other": FakeProvider(["other"])},
        middleware=middleware,
        **settings,
    )
