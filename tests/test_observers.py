"""Middleware that only watches: a client spends nothing on guarding calls against it."""

from __future__ import annotations

import sys
from types import FrameType
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DeadlineExceededError
from llmgate.middleware import ChatCall, Handler, Middleware
from llmgate.middlewares.cache import Cache
from llmgate.testing import Canned, FakeProvider

HI: Any = [{"role": "user", "content": "Hi"}]
TOOLS: Any = [{"type": "function", "function": {"name": "weather", "parameters": {}}}]
HANGING = Canned(body=[b'{"say": "one "}\n'], hang=True)


class Watch(Middleware):
    """It notes what comes and goes."""

    observes = True

    def __init__(self, seen: list[str], name: str) -> None:
        self._seen, self._name = seen, name

    async def chat(self, call: ChatCall, handler: Handler) -> Any:
        """Before and after."""
        self._seen.append(f"{self._name} {call.model}")
        try:
            return await handler(call)
        finally:
            self._seen.append(f"{self._name} done")


def client_of(*middleware: Middleware, answers: Any = ("a", "b"), **settings: Any) -> Any:
    """A client with these around a provider that gives these answers."""
    providers = {"fake": FakeProvider(answers)}
    return Client(providers=providers, middleware=middleware, max_retries=0, **settings)


async def test_watchers_see_a_call_outermost_first() -> None:
    """And what they are returned reaches the caller."""
    seen: list[str] = []
    client = client_of(Watch(seen, "out"), Watch(seen, "in"))
    assert "a" == (await client.acompletion("fake/m", HI)).text
    assert ["out fake/m", "in fake/m", "in done", "out done"] == seen
    stream = await client.acompletion("fake/m", HI, stream=True)
    assert "b" == (await stream.completion()).text


async def test_a_deadline_holds() -> None:
    """It is that of the call itself."""
    client = client_of(Watch([], "one"), answers=[HANGING], timeout=0.1)
    with pytest.raises(DeadlineExceededError):
        await client.acompletion("fake/m", HI)


async def test_one_that_does_more_brings_the_guard_back() -> None:
    """Copies of the call, and a deadline around all of it."""
    whole, half = client_of(Watch([], "one")), client_of(Watch([], "one"), Middleware())
    assert "run_middleware" not in await functions(whole)
    assert "run_middleware" in await functions(half)


async def test_models_in_turn_need_no_guard() -> None:
    """Each request has the call's deadline, and a router waits for nothing else; where another one
    may be asked beside the first, it does."""
    models = ["fake/m", "fake/n"]
    assert "run_middleware" not in await functions(client_of(), models)
    assert "run_middleware" not in await functions(client_of(Watch([], "one")), models)
    assert "run_middleware" in await functions(client_of(Middleware()), models)
    assert "run_middleware" in await functions(client_of(), models, hedge_after=9)


async def test_a_call_is_copied_for_those_that_change_it() -> None:
    """Where one of them may, it is, for all of them."""
    assert "deepcopy" not in await functions(client_of(Cache()), tools=TOOLS)
    assert "deepcopy" in await functions(client_of(Cache(), Middleware()), tools=TOOLS)


async def functions(client: Any, model: Any = "fake/m", **options: Any) -> set[str]:
    """The names of the functions that a call enters."""
    entered: set[str] = set()

    def note(frame: FrameType, event: str, _: object) -> None:
        if event == "call":
            entered.add(frame.f_code.co_name)

    before = sys.getprofile()
    sys.setprofile(note)
    try:
        await client.acompletion(model, HI, **options)
    finally:
        sys.setprofile(before)
    return entered


@pytest.mark.parametrize("given", [{}, {"X-Mine": "1"}])
async def test_headers_of_an_attempt_may_be_none(given: dict[str, str]) -> None:
    """A callable that gives none leaves the request as it is."""
    fake = FakeProvider(["a"])
    client: Any = Client(providers={"fake": fake}, headers=lambda _: given)
    await client.acompletion("fake/m", HI)
    assert given.get("X-Mine") == fake.transport.requests[0].headers.get("X-Mine")
