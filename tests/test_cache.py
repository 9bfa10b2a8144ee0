"""The cache: which calls are equal, what a hit is, and what is never kept."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate import Client, Completion, ServerError
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import DeadlineExceededError, InvalidRequestError
from llmgate.middleware import ChatCall, Middleware
from llmgate.middlewares.cache import Cache
from llmgate.middlewares.routing import Router
from llmgate.options import ChatParameters, Timeout
from llmgate.provider import Support
from llmgate.provider.http import Secret
from llmgate.store import MemoryStore, SqliteStore
from llmgate.testing import Canned, FakeProvider
from llmgate.types import Choice, Function, Message, ToolCall

HI: list[Any] = [{"role": "user", "content": "Hi"}]
CALL = ToolCall("call_1", Function("weather", '{"city": "Rome"}'))


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


@pytest.mark.parametrize(
    "options",
    [
        {"temperature": 0.5},
        {"stop": ["a"]},
        {"response_format": {"type": "json_object"}},
        {"extra_body": {"a": 1}},
        {"extra_headers": {"x-variant": "b"}},
        {"base_url": "http://127.0.0.1:9/v2"},
        {"api_version": "2"},
        {"provider_settings": {"region": "eu"}},
        {"unsupported": "raise"},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_whatever_may_change_a_response_makes_another_call(options: Any) -> None:
    """Of parameters, settings and headers."""
    cache = Cache()
    seen = list[str]()

    class Watch(Middleware):
        async def chat(self, call: ChatCall, handler: Any) -> Any:
            seen.append(cache._key(call))
            return await handler(ChatCall("fake/m", HI))

    client = Client(providers={"fake": FakeProvider(["a", "b"])}, middleware=[Watch()])
    await ask(client)
    await ask(client, **options)
    assert 2 == len({*seen})


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.text(max_size=3),
    lambda inner: (
        st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2)
    ),
    max_leaves=4,
)
_PARTS: Any = st.fixed_dictionaries(
    {
        "model": st.sampled_from(["fake/m", "fake/n"]),
        "messages": st.lists(st.fixed_dictionaries({"role": st.just("user"), "content": _JSON})),
        "parameters": st.dictionaries(
            st.sampled_from(sorted({*ChatParameters.__annotations__} - {"stream_options"})),
            _JSON,
            max_size=3,
        ),
        "unsupported": st.sampled_from(["drop", "raise"]),
        "extra_body": st.dictionaries(st.text(max_size=2), _JSON, max_size=2),
        "extra_headers": st.dictionaries(st.sampled_from(["x-a", "x-b"]), st.text(max_size=2)),
        "settings": st.dictionaries(st.sampled_from(["region", "version"]), st.text(max_size=2)),
        "fallbacks": st.sampled_from([(), ("fake/n",), ("fake/n", "fake/o")]),
    }
)


@given(_PARTS, _PARTS, st.sampled_from(["model", "messages", "parameters", "extra_body", None]))
def test_two_calls_have_one_key_if_and_only_if_they_ask_the_same(
    first: Any, second: Any, changed: str | None
) -> None:
    """Of any parameters, messages, settings, headers and fallbacks, in any order of keys."""
    cache = Cache()
    if changed is not None:  # differs in one part, if at all
        second = {**first, changed: second[changed]}
    keys = [cache._key(ChatCall(**parts)) for parts in (first, second)]
    written = [json.dumps(parts, sort_keys=True) for parts in (first, second)]
    assert (written[0] == written[1]) == (keys[0] == keys[1])
    assert keys[0] != Cache(scope="another")._key(ChatCall(**first))


@pytest.mark.parametrize(
    "options",
    [
        {"timeout": 5},
        {"max_retries": 0},
        {"labels": {"a": 1}},
        {"hooks": [print]},
        {"extra_headers": {"x-api-key": "canary"}},
    ],
    ids=lambda options: next(iter(options)),
)
async def test_what_cannot_change_a_response_does_not_count(options: Any) -> None:
    """Nor does a credential."""
    client, provider = client_of("a", "b")
    await ask(client)
    assert "hit" == (await ask(client, **options)).cache
    assert 1 == len(provider.transport.requests)


def test_what_is_no_plain_json_makes_a_key_as_well() -> None:
    """Keys that are numbers, integers of any size, and what is known by its text alone."""
    values: list[Any] = [{1: 2}, {1: 3}, 2**70, 2**70 + 1, {"a": Path("a")}, {"a": Path("b")}]
    keys = [Cache()._key(ChatCall("fake/m", HI, extra_body={"x": value})) for value in values]
    assert len(values) == len({*keys})
    again = Cache()._key(ChatCall("fake/m", HI, extra_body={"x": {1: 2}}))
    assert keys[0] == again


def test_a_key_has_no_secret() -> None:
    """Neither as it is, nor in what is hashed: keys of any value give the same."""
    cache = Cache()
    calls = [
        ChatCall(
            "fake/m",
            HI,
            settings={"api_key": Secret(key), "base_url": f"https://user:{key}@a.example/v1"},
            timeout=Timeout(1),
        )
        for key in ("one", "two")
    ]
    assert cache._key(calls[0]) == cache._key(calls[1])
    bare = ChatCall("fake/m", HI, settings={"base_url": "https://a.example/v1"})
    assert cache._key(bare) == cache._key(calls[0])


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


@pytest.mark.parametrize("kept", [b"{", b"[]", b'{"version": 99}'])
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
