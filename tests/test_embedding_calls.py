"""Calls for embeddings: arguments, the request, the response, errors."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

import llmgate
from llmgate import Client, Embeddings, Model
from llmgate.embeddings import EmbeddingCall
from llmgate.errors import (
    AuthenticationError,
    ClosedError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    PluginError,
    UnsupportedError,
)
from llmgate.provider import (
    EmbeddingAbilities,
    Rule,
    Support,
)
from llmgate.provider.http import Flow
from tests.faults.server import FaultServer, hang, reply
from tests.vectors_provider import Chat, Vectors, embed, run, vectors

# --- one request --------------------------------------------------------------------------


def test_a_call_gives_vectors_in_openais_shape() -> None:
    """By attribute, and as a dictionary; in the order of the input, whatever came."""
    with FaultServer(vectors(0.5, 1.5, usage=7, order=(1, 0))) as server:
        found = embed(server, ["a", "b"], user="ada", extra_body={"x": 1})
    assert [[0.5], [1.5]] == found.vectors
    assert [0, 1] == [item.index for item in found.data]
    assert "list" == found["object"]
    assert {"embedding": [0.5], "index": 0, "object": "embedding"} == found["data"][0].model_dump()
    assert ("m", 7, 7) == (
        found.model,
        found["usage"]["prompt_tokens"],
        found["usage"]["total_tokens"],
    )
    assert ("vec", 200) == (found.provider, found.attempts[0].status)
    assert b"data" in found.raw
    assert {"input": ["a", "b"], "user": "ada", "x": 1} == server.requests[0].json
    assert "key" == server.requests[0].headers["vec-key"]
    assert "<1 floats>" in repr(found)
    assert found == Embeddings.model_validate(found.model_dump())


@pytest.mark.parametrize(
    ("given", "sent"),
    [
        ("a", ["a"]),
        (("a", "b"), ["a", "b"]),
        ((text for text in ("a", "b")), ["a", "b"]),
        ([1, 2], [[1, 2]]),
        ([[1], (2, 3)], [[1], [2, 3]]),
    ],
)
def test_input_is_text_or_tokens_one_or_many(given: Any, sent: list[Any]) -> None:
    """A provider reads a list in any case."""
    with FaultServer(vectors(*map(float, range(len(sent))))) as server:
        found = embed(server, given, abilities=EmbeddingAbilities(takes_tokens=True))
    assert sent == server.requests[0].json["input"]
    assert len(sent) == len(found.data)
    assert found.usage is None


@pytest.mark.parametrize(
    ("given", "path"),
    [
        (None, "input"),
        (5, "input"),
        (b"text", "input"),
        ({"text": "a"}, "input"),
        ({"a", "b"}, "input"),
        ([], "input"),
        ("", "input[0]"),
        (["a", ""], "input[1]"),
        (["a", 1], "input[1]"),
        (["a", None], "input[1]"),
        ([1, "a"], "input[1]"),
        ([True], "input[0]"),
        ([1, -1], "input[1]"),
        ([1.5], "input[0]"),
        ([[1], []], "input[1]"),
        ([[1], "a"], "input[1]"),
        ([[1], [2, None]], "input[1][1]"),
        ([{"text": "a"}], "input[0]"),
        (["\ud800"], "input[0]"),
    ],
)
def test_wrong_input_is_refused_before_anything_is_sent(given: Any, path: str) -> None:
    """With the path of what is wrong."""
    with FaultServer(vectors(0.5)) as server, pytest.raises(InvalidRequestError) as caught:
        embed(server, given, abilities=EmbeddingAbilities(takes_tokens=True))
    assert path == caught.value.path
    assert [] == server.requests


@pytest.mark.parametrize(
    ("options", "path"),
    [
        ({"dimensions": 0}, "dimensions"),
        ({"dimensions": "3"}, "dimensions"),
        ({"encoding_format": "int8"}, "encoding_format"),
        ({"truncate": 1}, "truncate"),
        ({"input_type": ""}, "input_type"),
        ({"user": 1}, "user"),
        ({"temperature": 1}, "temperature"),
        ({"dimension": 1}, "dimension"),
        ({"extra_body": 1}, "extra_body"),
        ({"timeout": 0}, "timeout"),
        ({"unsupported": "x"}, "unsupported"),
    ],
)
def test_a_wrong_option_is_named(options: dict[str, Any], path: str) -> None:
    """And one that there is not, with the one that was meant."""
    with FaultServer(vectors(0.5)) as server, pytest.raises(InvalidRequestError) as caught:
        embed(server, "a", **options)
    assert path == caught.value.path
    assert (path == "dimension") == ("did you mean dimensions?" in caught.value.message)
    assert [] == server.requests


def test_what_the_provider_lacks_is_dropped_and_reported() -> None:
    """By its declaration for this model; how vectors are sent makes no difference."""
    abilities = EmbeddingAbilities({"truncate": Support.NATIVE, "user": Support.UNSUPPORTED})
    options: Any = {
        "truncate": "END",
        "user": "ada",
        "input_type": "query",
        "encoding_format": "base64",
    }
    with FaultServer(vectors(0.5)) as server:
        found = embed(server, "a", abilities=abilities, **options)
        assert {"input": ["a"], "truncate": "END"} == server.requests[0].json
        dropped = [each for each in found.report if each.kind == "dropped"]
        assert [("input_type", "query"), ("user", "ada")] == sorted(
            (each.path, each.given) for each in dropped
        )
        found = embed(server, "a", abilities=abilities, encoding_format="float")
        assert "dropped" not in [each.kind for each in found.report]
        with pytest.raises(UnsupportedError):
            embed(server, "a", abilities=abilities, user="ada", unsupported="raise")
        with pytest.raises(UnsupportedError) as caught:
            embed(server, "a", abilities=abilities, dimensions=3)
        renaming = EmbeddingAbilities({"dimensions": Rule("its name", to="size")})
        embed(server, "a", abilities=renaming, dimensions=3)
        assert {"input": ["a"], "size": 3} == server.requests[-1].json
    assert "dimensions" == caught.value.parameter
    assert 3 == len(server.requests)


def test_token_ids_are_refused_where_they_are_not_taken() -> None:
    """Never decoded into some text."""
    with FaultServer(vectors(0.5)) as server, pytest.raises(UnsupportedError, match="vec takes no"):
        embed(server, [1, 2])
    assert [] == server.requests


def test_a_provider_without_embeddings_is_named() -> None:
    """Before anything is sent."""

    async def scenario() -> None:
        async with Client(providers={"chat": Chat()}) as client:
            with pytest.raises(UnsupportedError, match="chat does not make embeddings"):
                await client.aembedding("chat/m", "a")
            with pytest.raises(UnsupportedError, match="chat does not list its models"):
                await client.alist_models("chat")

    run(scenario)


@pytest.mark.parametrize(
    "abilities", [None, "all", ValueError("odd"), UnsupportedError("not this model")]
)
def test_strange_abilities_raise_our_errors(abilities: Any) -> None:
    """What a provider says of a model is a stranger's code."""
    is_own = isinstance(abilities, UnsupportedError)
    expected = UnsupportedError if is_own else PluginError
    with FaultServer(vectors(0.5)) as server, pytest.raises(expected):
        embed(server, "a", abilities=abilities)
    assert [] == server.requests


@pytest.mark.parametrize(
    "body",
    [
        b'{"data": []}',
        b'{"data": [[0, 0.5]]}',
        b'{"data": [[0, 0.5], [0, 0.5]]}',
        b'{"data": [[0, 0.5], [2, 0.5]]}',
        b'{"data": [[0, 0.5], [1, 0.5], [2, 0.5]]}',
        b'{"data": [[0, 0.5], [1',
        b"",
    ],
)
def test_a_response_without_a_vector_for_each_input_is_an_error(body: bytes) -> None:
    """Never a vector of another text."""
    with FaultServer(reply(body=body)) as server, pytest.raises(DecodeError) as caught:
        embed(server, ["a", "b"])
    assert ("vec", "m", 200) == (caught.value.provider, caught.value.model, caught.value.status)


@pytest.mark.parametrize("body", [b"{}", b'{"data": [[0, 0.5], ["1", 0.5]]}'])
def test_a_provider_that_does_not_look_is_found_out(body: bytes) -> None:
    """What it takes for granted is its author's mistake, and is said to be."""
    with FaultServer(reply(body=body)) as server, pytest.raises(PluginError) as caught:
        embed(server, ["a", "b"])
    assert ".py:" in caught.value.origin
    assert ("vec", "m", 200) == (caught.value.provider, caught.value.model, caught.value.status)


def test_what_is_no_embeddings_is_an_error() -> None:
    """A flow may give anything."""

    class Odd(Vectors):
        def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
            yield from super().embed(call)
            odd: Any = "odd"
            return odd  # type: ignore[no-any-return]

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Odd(url)}) as client:
            await client.aembedding("vec/m", "a")

    with FaultServer(vectors(0.5)) as server, pytest.raises(PluginError, match="'odd', not"):
        run(lambda: scenario(server.url))


def test_a_flow_may_refuse_before_it_sends_anything() -> None:
    """In either operation."""

    class Refusing(Vectors):
        def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
            raise UnsupportedError("not these texts", parameter="input")

        def list_models(self) -> Flow[list[Model]]:
            raise UnsupportedError("not this host")

    async def scenario() -> None:
        async with Client(providers={"vec": Refusing()}) as client:
            with pytest.raises(UnsupportedError, match="not these texts") as caught:
                await client.aembedding("vec/m", "a")
            assert ("vec", "m", ()) == (
                caught.value.provider,
                caught.value.model,
                caught.value.attempts,
            )
            with pytest.raises(UnsupportedError, match="not this host"):
                await client.alist_models("vec")

    run(scenario)


def test_refusals_are_retried_and_typed_as_in_chat() -> None:
    """The same classes, the same policy, the same record of attempts."""
    busy = reply(503, body={"error": "busy"}, retry_after="0")
    with FaultServer(busy, vectors(0.5)) as server:
        found = embed(server, "a")
        assert [(1, 503), (2, 200)] == [(one.number, one.status) for one in found.attempts]
    with FaultServer(reply(401)) as server, pytest.raises(AuthenticationError) as caught:
        embed(server, "a")
    assert 1 == len(caught.value.attempts)
    with FaultServer(busy) as server, pytest.raises(LLMGateError):
        embed(server, "a", max_retries=0)
    assert 1 == len(server.requests)


def test_the_deadline_holds() -> None:
    """For a server that says nothing."""
    with FaultServer(hang) as server, pytest.raises(DeadlineExceededError) as caught:
        embed(server, "a", timeout=0.2)
    assert "total" == caught.value.phase


# --- where it goes, and with what ---------------------------------------------------------


def test_settings_of_a_call_and_unprefixed_names() -> None:
    """As for chat: a key, an address, headers, and a model that a provider claims."""

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Vectors}) as client:
            options: Any = {"api_key": "mine", "api_base": url, "extra_headers": {"x-a": "1"}}
            await client.aembedding("vec-1", "a", **options)
            await client.alist_models("vec", **options)

    with FaultServer(vectors(0.5), reply(body={"models": []})) as server:
        run(lambda: scenario(server.url))
    assert [("mine", "1")] * 2 == [
        (seen.headers["vec-key"], seen.headers["x-a"]) for seen in server.requests
    ]


def test_a_closed_client_says_so() -> None:
    """Also for these operations."""

    async def scenario() -> None:
        client = Client(providers={"vec": Vectors()})
        await client.aclose()
        with pytest.raises(ClosedError):
            await client.aembedding("vec/m", "a")
        with pytest.raises(ClosedError):
            await client.alist_models("vec")

    run(scenario)


def test_a_missing_key_is_looked_for_again() -> None:
    """The provider is made anew for the next call, as when the key was set since."""
    made = list[str]()

    def make() -> Vectors:
        made.append("once")
        return Vectors(api_key="")

    async def scenario() -> None:
        async with Client(providers={"vec": make}) as client:
            for _ in range(2):
                with pytest.raises(MissingKeyError):
                    await client.aembedding("vec/m", "a")
                with pytest.raises(MissingKeyError):
                    await client.alist_models("vec")

    run(scenario)
    assert 4 == len(made)


def test_sync_calls_do_the_same() -> None:
    """On the background loop."""
    with FaultServer(vectors(0.5), reply(body={"models": ["a"]})) as server:
        client = Client(providers={"vec": Vectors(server.url)})
        assert [[0.5]] == client.embedding("vec/m", "a").vectors
        assert ["a"] == [model.id for model in client.list_models("vec")]
        asyncio.run(client.aclose())


def test_the_modules_functions_use_the_default_client(monkeypatch: pytest.MonkeyPatch) -> None:
    """Four of them."""
    models = reply(body={"models": ["a"]})
    with FaultServer(vectors(0.5), vectors(1.5), models, models) as server:
        client = Client(providers={"vec": Vectors(server.url)})
        monkeypatch.setattr("llmgate._core.default.default_client", lambda: client)

        async def scenario() -> None:
            assert [[0.5]] == (await llmgate.aembedding("vec/m", "a")).vectors
            assert [[1.5]] == llmgate.embedding("vec/m", "a").vectors
            assert ["a"] == [model.id for model in await llmgate.alist_models("vec")]
            assert ["a"] == [model.id for model in llmgate.list_models("vec")]
            await client.aclose()

        run(scenario)
