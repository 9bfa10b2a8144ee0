"""Equal calls at once are one."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from llmgate import Client, ServerError
from llmgate.errors import DeadlineExceededError
from llmgate.middleware import ChatCall, Middleware
from llmgate.middlewares.cache import Cache
from llmgate.testing import Canned, FakeProvider
from tests.cached_calls import ask, client_of


async def test_equal_calls_at_once_are_one() -> None:
    """The others wait for it."""

    class Slow(Middleware):
        async def chat(self, call: ChatCall, handler: Any) -> Any:
            await asyncio.sleep(0.01)
            return await handler(call)

    provider = FakeProvider(["a", "b"])
    client: Any = Client(providers={"fake": provider}, middleware=[Cache(), Slow()])
    found = await asyncio.gather(*(ask(client) for _ in range(10)))
    assert ["miss", *["hit"] * 9] == [each.cache for each in found]
    assert 1 == len(provider.transport.requests)


async def test_where_the_one_that_is_waited_for_fails_the_others_ask_at_once() -> None:
    """Each for itself: they do not wait for one failure after the other, nor is the failure of one
    call that of another one, which may have another key and other retries."""
    running = list[int]()

    class Failing(Middleware):
        def __init__(self) -> None:
            self.calls = self.running = 0

        async def chat(self, call: ChatCall, handler: Any) -> Any:
            self.calls += 1
            self.running += 1
            running.append(self.running)
            try:
                await asyncio.sleep(0.01)
                raise ServerError("oops", status=500)
            finally:
                self.running -= 1

    failing = Failing()
    client: Any = Client(providers={"fake": FakeProvider()}, middleware=[Cache(), failing])
    found = await asyncio.gather(*(ask(client) for _ in range(9)), return_exceptions=True)
    assert [ServerError] * 9 == [type(each) for each in found]
    assert [1, *range(1, 9)] == running
    assert 9 == len({id(each) for each in found})


@pytest.mark.parametrize("limit", [None, 0.05], ids=["cancelled", "its deadline"])
async def test_where_the_one_that_is_waited_for_gives_up_one_other_asks(limit: Any) -> None:
    """That says nothing of the provider, so that the rest wait for the second one."""
    client, provider = client_of(Canned(body=[], hang=True), "b")
    leading = asyncio.create_task(ask(client, timeout=limit))
    await asyncio.sleep(0.02)
    others = [asyncio.create_task(ask(client)) for _ in range(5)]
    await asyncio.sleep(0)
    if limit is None:
        leading.cancel()
    assert ["b"] * 5 == [each.text for each in await asyncio.gather(*others)]
    assert 2 == len(provider.transport.requests)
    with pytest.raises((asyncio.CancelledError, DeadlineExceededError)):
        await leading


async def test_one_that_waits_can_be_cancelled() -> None:
    """The one that is waited for goes on."""
    client, _ = client_of(Canned(body=[], hang=True), "b")
    leading, waiting = (asyncio.create_task(ask(client)) for _ in range(2))
    await asyncio.sleep(0.02)
    waiting.cancel()
    await asyncio.wait([waiting])
    assert not leading.done()
    another = asyncio.create_task(ask(client))
    await asyncio.sleep(0)
    leading.cancel()
    assert "b" == (await another).text
    assert leading.cancelled()
