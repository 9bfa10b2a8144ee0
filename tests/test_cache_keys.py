"""What makes two calls the same for a cache."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate import Client
from llmgate.middleware import ChatCall, Middleware
from llmgate.middlewares.cache import Cache
from llmgate.options import ChatParameters, Timeout
from llmgate.provider.http import Secret
from llmgate.testing import FakeProvider
from tests.cached_calls import HI, ask, client_of


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
