"""The cache: which calls are equal, what a hit is, and what is never kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Completion, ServerError
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import InvalidRequestError
from llmgate.middleware import ChatCall, Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.routing import Router
from llmgate.provider import Support
from llmgate.store import MemoryStore, SqliteStore
from llmgate.testing import FakeProvider
from llmgate.types import Choice, Function, Message, ToolCall
from tests.cached_calls import HI, ask, client_of

CALL = ToolCall("call_1", Function("weather", '{"city": "Rome"}'))


@pytest.mark.parametrize("first", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("second", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("answer", ["Hello there", ["Hello", CALL]], ids=["text", "calls"])
async def test_a_hit_is_what_was_missed(first: bool, second: bool, answer: Any) -> None:
    """Whole or streamed, with calls and usage; it says which of both it is, and no request."""
    client, provider = client_of(answer, "other")
    missed = await ask(client, stream=first)
    await asyncio.sleep(0)  # what a stream gave is kept behind it
    hit = await ask(client, stream=second)
    assert ("miss", "hit") == (missed.cache, hit.cache)
    assert missed.usage == hit.usage
    assert missed.choices == hit.choices
    assert (1, ()) == (len(provider.transport.requests), hit.attempts)
    assert "fake" == hit.provider


@pytest.mark.parametrize("second", [False, True], ids=["whole", "stream"])
async def test_reasoning_is_kept_with_what_is_sent_back(second: bool) -> None:
    """Its text, and what the provider alone understands, as signatures."""
    blocks = {"blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]}
    message = Message(
        "Yes", reasoning_content="Hm.", tool_calls=[CALL], provider_data={"fake": blocks}
    )

    class Thinks(Middleware):
        async def chat(self, call: ChatCall, handler: Any) -> Completion:
            return Completion([Choice(message, 0, "tool_calls")])

    client: Any = Client(providers={"fake": FakeProvider()}, middleware=[Cache(), Thinks()])
    missed, hit = await ask(client), await ask(client, stream=second)
    assert ("miss", "hit") == (missed.cache, hit.cache)
    assert message == missed.choices[0].message == hit.choices[0].message


async def test_a_stream_says_whether_it_is_a_hit() -> None:
    """And ends with the chunk of its usage, where that is asked for."""
    client, _ = client_of("Hello")
    for expected in ("miss", "hit"):
        stream = await client.acompletion(
            "fake/m", HI, stream=True, stream_options={"include_usage": True}
        )
        chunks = [chunk async for chunk in stream]
        assert expected == stream.cache
        assert chunks[-1].usage is not None
        await asyncio.sleep(0)


async def test_each_hit_is_a_response_of_its_own() -> None:
    """They may be changed."""
    client, _ = client_of("Hello")
    await ask(client)
    one = await ask(client)
    one.choices[0].message.content = "changed"
    assert "Hello" == (await ask(client)).text


async def test_the_report_is_kept() -> None:
    """Nothing is silently changed, not even the second time."""
    cache = Cache()

    class Lacking(FakeProvider):
        parameters = {"temperature": Support.NATIVE}  # noqa: RUF012 - nobody changes it

    client = Client(providers={"fake": Lacking(["Hello"])}, middleware=[cache])
    reports = [(await ask(client, seed=1)).report for _ in range(2)]
    assert ["seed"] == [each.path for each in reports[1]]
    assert [*reports[0]] == [*reports[1]]


# --- calls ------------------------------------------------------------------------------


def test_a_scope_is_a_text_or_a_function() -> None:
    """What is neither is refused when it is given."""
    for scope in (None, 5):
        given: Any = scope
        with pytest.raises(InvalidRequestError, match="scope: expected a text or a function"):
            Cache(scope=given)


async def test_scopes_are_apart() -> None:
    """A text for all calls, or one of each call."""
    store = MemoryStore()
    by_tenant = Cache(store, scope=lambda call: str(call.labels.get("tenant")))
    client, provider = client_of("a", "b", "c", cache=by_tenant)
    found = [await ask(client, labels={"tenant": tenant}) for tenant in "xyx"]
    assert [("a", "miss"), ("b", "miss"), ("a", "hit")] == [(f.text, f.cache) for f in found]
    other, _ = client_of("d", cache=Cache(store, scope="other"))
    assert "d" == (await ask(other)).text
    assert 2 == len(provider.transport.requests)


async def test_calls_are_left_alone_or_refreshed_as_they_say() -> None:
    """By their labels."""
    client, _ = client_of("a", "b", "c")
    assert "a" == (await ask(client)).text
    bypassed = await ask(client, labels={"cache": "bypass"})
    assert ("b", None) == (bypassed.text, bypassed.cache)
    assert "a" == (await ask(client)).text
    assert "c" == (await ask(client, labels={"cache": "refresh"})).text
    assert "c" == (await ask(client)).text


async def test_a_time_of_its_own() -> None:
    """For one call."""
    client, _ = client_of("a", "b", cache=Cache(ttl=None))
    await ask(client, labels={"cache_ttl": 0.02})
    assert "a" == (await ask(client)).text
    await asyncio.sleep(0.03)
    assert "b" == (await ask(client)).text


@pytest.mark.parametrize(
    "labels", [{"cache": "off"}, {"cache_ttl": 0}, {"cache_ttl": True}, {"cache_ttl": "1"}]
)
async def test_labels_are_checked(labels: Any) -> None:
    """With their path."""
    client, _ = client_of("a")
    with pytest.raises(InvalidRequestError) as caught:
        await ask(client, labels=labels)
    assert f"labels.{next(iter(labels))}" == caught.value.path


@pytest.mark.parametrize(("given", "path"), [({"store": 3}, "store"), ({"ttl": -1}, "ttl")])
def test_what_it_is_made_of_is_checked(given: Any, path: str) -> None:
    """Likewise."""
    with pytest.raises(InvalidRequestError) as caught:
        Cache(**given)
    assert path == caught.value.path


async def test_errors_are_not_kept() -> None:
    """Nor is a stream that was left."""
    client, provider = client_of(ServerError("oops"), "a", max_retries=0)
    with pytest.raises(ServerError):
        await ask(client)
    assert "a" == (await ask(client)).text
    client, provider = client_of("b c d", "e", "f")
    stream = await client.acompletion("fake/m", HI, stream=True)
    await anext(stream)
    await stream.aclose()
    assert "e" == (await ask(client)).text
    assert 2 == len(provider.transport.requests)


async def test_what_a_filter_withheld_is_not_kept() -> None:
    """Nor is it what those get who waited for it."""

    class Filter(Middleware):
        async def chat(self, call: ChatCall, handler: Any) -> Completion:
            await asyncio.sleep(0.01)
            return Completion([Choice(Message(""), 0, "content_filter")])

    client = Client(providers={"fake": FakeProvider()}, middleware=[Cache(), Filter()])
    found = await asyncio.gather(ask(client), ask(client))
    assert ["miss", "miss"] == [each.cache for each in found]


# --- stores -----------------------------------------------------------------------------


async def test_embeddings_are_kept_likewise() -> None:
    """By their input and parameters."""
    client, provider = client_of()
    found = [await client.aembedding("fake/m", ["a", "b"]) for _ in range(2)]
    assert ["miss", "hit"] == [each.cache for each in found]
    assert found[0].data == found[1].data
    await client.aembedding("fake/m", ["a"])
    await client.aembedding("fake/m", ["a"], labels={"cache": "bypass"})
    ttl = await client.aembedding("fake/m", ["z"], labels={"cache_ttl": 5})
    assert "miss" == ttl.cache
    refreshed = await client.aembedding("fake/m", ["a"], labels={"cache": "refresh"})
    assert "miss" == refreshed.cache
    assert 5 == len(provider.transport.requests)
    keys = {Cache()._key(EmbeddingCall("fake/m", [text])) for text in "ab"}
    assert 2 == len(keys)


async def test_a_file_is_shared_by_clients(tmp_path: Path) -> None:
    """And by processes."""
    path = tmp_path / "cache.db"
    caches = [Cache(SqliteStore(path)) for _ in range(2)]
    for cache, expected in zip(caches, ("miss", "hit"), strict=True):
        client, _ = client_of("a", cache=cache)
        async with client:
            assert expected == (await ask(client, stream=expected == "miss")).cache
        await cache.aclose()


async def test_a_store_that_fails_costs_time_and_no_call() -> None:
    """It is counted."""

    class Broken(MemoryStore):
        async def get(self, key: str) -> bytes | None:
            raise OSError("no such disk")

        async def set(self, key: str, value: bytes, *, ttl: float | None = None) -> None:
            raise OSError("no such disk")

    cache = Cache(Broken())
    client, _ = client_of("a", "b", cache=cache)
    assert ["a", "b"] == [(await ask(client)).text for _ in range(2)]
    assert 4 == cache.failures


NOT_KEPT = (
    *(b"{", b"[]", b'{"version": 99}', b'{"version": 2}'),
    b'{"version": 2, "response": {"choices": 5}}',
)
"""The last ones by somebody who has the same version all the same."""


@pytest.mark.parametrize("kept", [*NOT_KEPT])
async def test_what_another_version_kept_is_not_read(kept: bytes) -> None:
    """It is asked for, and replaced."""
    store = MemoryStore()
    cache = Cache(store)
    await store.set(cache._key(ChatCall("fake/m", HI)), kept)
    client, _ = client_of("a", cache=cache)
    assert ["miss", "hit"] == [(await ask(client)).cache for _ in range(2)]


async def test_a_hit_asks_no_target() -> None:
    """The cache stands before the router."""
    providers = {"a": FakeProvider([ServerError("oops")]), "b": FakeProvider(["from b"])}
    client = Client(providers=providers, middleware=[Cache(), Router()])
    found = [await client.acompletion(["a/x", "b/y"], HI) for _ in range(2)]
    assert ["from b", "from b"] == [each.text for each in found]
    assert [2, 0] == [len(each.attempts) for each in found]
    kept = json.dumps([each.model_dump() for each in found])
    assert "from b" in kept


@pytest.mark.parametrize(
    "value",
    [
        10**30,
        -(2**70),
        2**63,
        float("inf"),
        "NaN",
        "\ud83d",
        "\U0001f600",
        [[0.1, None]],
        {"a": {}},
    ],
)
async def test_a_hit_says_the_same(value: Any) -> None:
    """Numbers of any size, halves of characters, and a provider's nulls are what they were."""

    class Beside(Middleware):
        async def chat(self, call: ChatCall, handler: Any) -> Any:
            completion = await handler(call)
            completion.extra["beside"] = value
            return completion

    provider = FakeProvider(["a"])
    client: Any = Client(providers={"fake": provider}, middleware=[Cache(), Beside()])
    first, second = await ask(client), await ask(client)
    assert ["miss", "hit"] == [first.cache, second.cache]
    assert first.model_dump() == second.model_dump()
    assert repr(value) == repr(second.extra["beside"])
