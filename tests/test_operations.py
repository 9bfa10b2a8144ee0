"""Embeddings and lists of models: calls to servers on the loopback, with a provider made for it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, ClassVar, TypeVar

import pytest

import llmgate
from llmgate import Client, Embeddings, Model, Timeout
from llmgate.embeddings import Embedding, EmbeddingCall
from llmgate.errors import (
    AuthenticationError,
    ClosedError,
    DeadlineExceededError,
    DecodeError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    PluginError,
    RateLimitError,
    ServerError,
    UnknownProviderError,
    UnsupportedError,
)
from llmgate.hooks import AttemptEnded, AttemptStarted, CallEnded, CallStarted, Event
from llmgate.provider import (
    Decoder,
    Embedder,
    EmbeddingAbilities,
    ModelLister,
    Provider,
    Rule,
    Signing,
    Support,
)
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, encode_json
from llmgate.types import Chunk, Completion, Usage
from tests.faults.server import FaultServer, Peer, Step, hang, reply, wait_for_async

Result = TypeVar("Result")

DEFAULT = EmbeddingAbilities()


class Chat(Provider):
    """A provider that has no ability but chat, which nobody asks of it here."""

    protocol: ClassVar[int] = 2
    name = "chat"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        """Nothing."""
        raise NotImplementedError

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        """Nothing."""
        raise NotImplementedError


class Vectors(Chat, Embedder, ModelLister):
    """A provider whose vectors and models are what a server says, without a look at it."""

    name = "vec"
    models: ClassVar[tuple[str, ...]] = ("vec-*",)

    def __init__(
        self,
        base_url: str = "http://127.0.0.1:9",
        api_key: str = "key",
        abilities: Any = DEFAULT,
    ) -> None:
        self._base_url = base_url
        self._key = api_key
        self._abilities = abilities

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """One request."""
        body = {"input": call.input, **call.parameters, **call.extra_body}
        response = yield HttpRequest("POST", f"{self._base_url}/embed", {}, encode_json(body))
        call.report.add("converted", "encoding", "always")
        call.report.add("clamped", "input[1]", "cut by the server")
        said = response.json()
        data = [Embedding([number], index) for index, number in said["data"]]
        usage = said.get("usage")
        counted = None if usage is None else Usage(usage, 0, usage)
        return Embeddings(data, usage=counted, extra={"id": said.get("id")})

    def embedding_abilities(self, model: str) -> EmbeddingAbilities:
        """What the test wants."""
        if isinstance(self._abilities, Exception):
            raise self._abilities
        found: EmbeddingAbilities = self._abilities
        return found

    def list_models(self) -> Flow[list[Model]]:
        """Two pages."""
        models = list[Model]()
        page: str | None = "1"
        while page is not None:
            response = yield HttpRequest("GET", f"{self._base_url}/models?page={page}")
            said = response.json()
            models += [Model(name) for name in said["models"]]
            page = said.get("next")
        return models

    async def authorize(self, request: HttpRequest, signing: Signing, /) -> HttpRequest:
        """The request with the key."""
        if not self._key:
            raise MissingKeyError("vec needs a key: set VEC_API_KEY")
        return request.with_headers({"Vec-Key": self._key})


def vectors(*numbers: float, usage: int | None = None, order: Iterable[int] | None = None) -> bytes:
    """A response with one vector of one number for each input."""
    indexes = range(len(numbers)) if order is None else order
    return reply(body={"data": [[i, numbers[i]] for i in indexes], "usage": usage, "id": "r"})


def run(scenario: Callable[[], Awaitable[Result]]) -> Result:
    """A scenario to its end."""

    async def awaited() -> Result:
        return await scenario()

    return asyncio.run(awaited())


def embed(
    server: FaultServer,
    given: Any,
    *,
    abilities: Any = DEFAULT,
    client: dict[str, Any] | None = None,
    **options: Any,
) -> Embeddings:
    """One call, made in a loop of its own."""

    async def scenario() -> Embeddings:
        provider = Vectors(server.url, abilities=abilities)
        async with Client(providers={"vec": provider}, **(client or {})) as made:
            return await made.aembedding("vec/m", given, **options)

    return run(scenario)


def sent_inputs(server: FaultServer) -> list[Any]:
    """What each request asked for, in the order of the input."""
    return sorted((seen.json["input"] for seen in server.requests), key=json.dumps)


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
            with pytest.raises(UnsupportedError, match="chat makes no embeddings"):
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


# --- several requests ---------------------------------------------------------------------


def each_its_own(
    delay: Callable[[list[str]], float] = lambda _: 0.0,
    usage: Callable[[list[str]], int | None] = len,
) -> Step:
    """A step that answers each request with the numbers that its texts are."""

    async def step(peer: Peer) -> None:
        texts: list[str] = peer.server.requests[-1].json["input"]
        await asyncio.sleep(delay(texts))
        order = range(len(texts) - 1, -1, -1)
        await peer.send(vectors(*map(float, texts), usage=usage(texts), order=order))

    return step


def texts(count: int) -> list[str]:
    """As many texts, each its own number."""
    return [str(number) for number in range(count)]


def test_more_than_one_request_takes_is_split_and_joined_in_order() -> None:
    """Whatever came first; usage is summed, and the report says so once."""
    abilities = EmbeddingAbilities(max_batch=3)
    with FaultServer(each_its_own(lambda some: 0.1 if "0" in some else 0.0)) as server:
        found = embed(server, texts(10), abilities=abilities)
    assert [[float(number)] for number in range(10)] == found.vectors
    assert [*range(10)] == [item.index for item in found.data]
    assert [["0", "1", "2"], ["3", "4", "5"], ["6", "7", "8"], ["9"]] == sent_inputs(server)
    assert found.usage is not None
    assert (10, 10) == (found.usage.prompt_tokens, found.usage.total_tokens)
    split = found.report[0]
    assert ("split", "input", 10, 3) == (split.kind, split.path, split.given, split.sent)
    assert "sent in 4 requests: vec takes 3 inputs in one" == split.reason
    paths = [each.path for each in found.report][1:]
    assert ["encoding", "input[1]", "input[4]", "input[7]", "input[10]"] == paths
    assert (b"", "m", {"id": "r"}) == (found.raw, found.model, found.extra)
    assert {1, 2, 3, 4} == {attempt.number for attempt in found.attempts}


def test_exactly_one_request_is_not_split() -> None:
    """Nor is a limit below one one."""
    with FaultServer(each_its_own()) as server:
        found = embed(server, texts(3), abilities=EmbeddingAbilities(max_batch=3))
        assert "input" not in found.report
        assert 1 == len(server.requests)
        found = embed(server, texts(2), abilities=EmbeddingAbilities(max_batch=0))
        assert [[0.0], [1.0]] == found.vectors


def test_usage_is_none_where_a_part_of_it_is_missing() -> None:
    """A part is not the whole."""
    step = each_its_own(usage=lambda some: None if "2" in some else 5)
    with FaultServer(step) as server:
        found = embed(server, texts(4), abilities=EmbeddingAbilities(max_batch=2))
    assert found.usage is None


def test_requests_run_at_once_within_bounds() -> None:
    """Eight of them, and no more."""
    at_once, most = 0, 0

    async def step(peer: Peer) -> None:
        nonlocal at_once, most
        text = peer.server.requests[-1].json["input"]
        at_once += 1
        most = max(most, at_once)
        assert await wait_for_async(lambda: most >= 8)
        await asyncio.sleep(0.01)  # in which a ninth would come
        at_once -= 1
        await peer.send(vectors(float(text[0])))

    with FaultServer(step) as server:
        embed(server, texts(20), abilities=EmbeddingAbilities(max_batch=1))
    assert 20 == len(server.requests)
    assert 8 == most


def test_one_failing_request_fails_the_call_and_says_for_which_inputs() -> None:
    """Each was retried by itself; the others are cancelled."""

    async def step(peer: Peer) -> None:
        some = peer.server.requests[-1].json["input"]
        if "2" in some:
            await peer.send(reply(500, body={"error": "no"}, retry_after="0"))
        elif "0" in some:
            await peer.send(vectors(0.0, 1.0))
        else:
            await asyncio.Event().wait()

    with FaultServer(step) as server:
        with pytest.raises(ServerError) as caught:
            embed(server, texts(6), abilities=EmbeddingAbilities(max_batch=2), max_retries=1)
        assert server.wait_until_left()
    assert str(caught.value).startswith("inputs 2 to 3: ")
    assert 500 == caught.value.status
    attempts = caught.value.attempts
    assert len(attempts) == len({attempt.number for attempt in attempts})
    assert 2 == [attempt.status for attempt in attempts].count(500)
    assert caught.value.report is not None
    assert "input" in caught.value.report


@pytest.mark.parametrize(
    ("timeout", "phase", "failed"),
    [(0.4, "total", ""), (Timeout(total=20, first_token=0.6), "first_token", "inputs 19 to 19: ")],
)
def test_one_deadline_holds_for_all_requests(timeout: Any, phase: str, failed: str) -> None:
    """And the wait for a first byte for each, counted from when it was sent: the third round of
    requests begins when that time is over for the first."""

    async def step(peer: Peer) -> None:
        some = peer.server.requests[-1].json["input"]
        if "19" in some:
            await asyncio.Event().wait()
        await asyncio.sleep(0.25)
        await peer.send(vectors(float(some[0])))

    with FaultServer(step) as server, pytest.raises(DeadlineExceededError) as caught:
        embed(server, texts(20), abilities=EmbeddingAbilities(max_batch=1), timeout=timeout)
    assert phase == caught.value.phase
    assert str(caught.value).startswith(failed)


def test_a_cancelled_call_cancels_its_requests() -> None:
    """All of them."""

    async def scenario(server: FaultServer) -> None:
        provider = Vectors(server.url, abilities=EmbeddingAbilities(max_batch=1))
        async with Client(providers={"vec": provider}) as client:
            call = asyncio.ensure_future(client.aembedding("vec/m", texts(3)))
            assert await wait_for_async(lambda: len(server.requests) == 3)
            call.cancel()
            with pytest.raises(asyncio.CancelledError):
                await call
        assert server.wait_until_left()

    with FaultServer(hang) as server:
        run(lambda: scenario(server))


# --- hooks --------------------------------------------------------------------------------


def test_hooks_see_one_call() -> None:
    """However many requests it took; each attempt has a number of its own."""
    seen = list[Event]()
    abilities = EmbeddingAbilities(max_batch=2)
    with FaultServer(each_its_own()) as server:
        client = {"hooks": [seen.append]}
        embed(server, texts(5), abilities=abilities, client=client, labels={"team": "a"})
    started, ended = seen[0], seen[-1]
    assert isinstance(started, CallStarted)
    assert isinstance(ended, CallEnded)
    assert ("embeddings", "vec", "m", False) == (
        started.operation,
        started.provider,
        started.model,
        started.stream,
    )
    assert ("embeddings", "ok", 3, None) == (
        ended.operation,
        ended.outcome,
        ended.attempts,
        ended.completion,
    )
    assert ended.usage is not None
    assert 5 == ended.usage.total_tokens
    for kind in (AttemptStarted, AttemptEnded):
        assert [1, 2, 3] == sorted(event.number for event in seen if isinstance(event, kind))
    assert 1 == len({event.call_id for event in seen})
    assert {"a"} == {event.labels["team"] for event in seen}


def test_hooks_see_lists_and_failures() -> None:
    """With the operation's name."""
    seen = list[Event]()

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Vectors(url)}, hooks=[seen.append]) as client:
            await client.alist_models("vec")
            with pytest.raises(RateLimitError):
                await client.aembedding("vec/m", "a", max_retries=0)

    with FaultServer(reply(body={"models": []}), reply(429)) as server:
        run(lambda: scenario(server.url))
    ends = [event for event in seen if isinstance(event, CallEnded)]
    assert [("models", "", "ok"), ("embeddings", "m", "error")] == [
        (end.operation, end.model, end.outcome) for end in ends
    ]


# --- models -------------------------------------------------------------------------------


def listing(server: FaultServer, provider: str | None = "vec", **options: Any) -> Any:
    """A list of models."""

    async def scenario() -> Any:
        async with Client(providers={"vec": Vectors(server.url)}) as client:
            return await client.alist_models(provider, **options)

    return run(scenario)


def test_models_are_listed_page_by_page_and_each_once() -> None:
    """With the name under which a call reaches them."""
    first = reply(body={"models": ["a", "b"], "next": "2"})
    with FaultServer(first, reply(body={"models": ["b", "c"]})) as server:
        found = listing(server)
    assert ["/v1/models?page=1", "/v1/models?page=2"] == [seen.target for seen in server.requests]
    assert ["vec/a", "vec/b", "vec/c"] == [model.name for model in found]
    assert found is found.data
    assert {} == found.errors
    assert "a" == Model("a").name


def test_a_list_is_kept_for_as_long_as_a_call_says() -> None:
    """Without a word it is asked for anew, as where a call has settings of its own."""
    replies = [reply(body={"models": [name]}) for name in "abcde"]
    with FaultServer(*replies) as server:

        async def scenario() -> list[str]:
            async with Client(providers={"vec": Vectors(server.url)}) as client:
                given = [await client.alist_models("vec", max_age=60)]
                given[0][0].id = "changed"
                given.append(await client.alist_models("vec", max_age=60))
                given.append(await client.alist_models("vec"))
                given.append(await client.alist_models("vec", max_age=60.5))
                own = {"X-Team": "a"}
                given.append(await client.alist_models("vec", max_age=60, extra_headers=own))
                given.append(await client.alist_models("vec", max_age=60))
                given.append(await client.alist_models("vec", max_age=0))
                with pytest.raises(InvalidRequestError) as caught:
                    await client.alist_models("vec", max_age=-1)
                assert caught.value.path == "max_age"
                return [models[0].name for models in given]

        found = run(scenario)
    assert found == ["vec/changed", *(f"vec/{name}" for name in "abbcbd")]


@pytest.mark.parametrize("status", [404, 405])
def test_a_host_without_a_list_says_so(status: int) -> None:
    """Instead of an empty list."""
    with FaultServer(reply(status)) as server, pytest.raises(UnsupportedError, match="no models"):
        listing(server)


def test_failures_of_a_list_are_those_of_chat() -> None:
    """A status, and what is no list of models."""
    with FaultServer(reply(401)) as server, pytest.raises(AuthenticationError):
        listing(server)

    class Odd(Vectors):
        def list_models(self) -> Flow[list[Model]]:
            yield from super().list_models()
            odd: Any = ["odd"]
            return odd  # type: ignore[no-any-return]

    async def scenario(url: str) -> None:
        async with Client(providers={"vec": Odd(url)}) as client:
            await client.alist_models("vec")

    models = reply(body={"models": []})
    with FaultServer(models) as server, pytest.raises(PluginError, match="'odd', not"):
        run(lambda: scenario(server.url))


@pytest.mark.parametrize("provider", ["", " ", 5, ["vec"]])
def test_what_is_no_providers_name_is_refused(provider: Any) -> None:
    """Naming the argument."""
    with FaultServer(hang) as server, pytest.raises(InvalidRequestError) as caught:
        listing(server, provider)
    assert "provider" == caught.value.path


def test_an_unknown_provider_or_option_is_named() -> None:
    """With what there is."""
    with FaultServer(hang) as server:
        with pytest.raises(UnknownProviderError, match="nobody"):
            listing(server, "nobody")
        with pytest.raises(InvalidRequestError, match="did you mean timeout"):
            listing(server, timeou=1)
        with pytest.raises(InvalidRequestError, match="name the provider whose api_key this is"):
            listing(server, None, api_key="k")


def test_all_providers_are_listed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those without a key or a list are left out, and what else fails is told."""
    monkeypatch.setattr("llmgate._core.registry.installed_providers", dict[str, Any])
    with FaultServer(reply(body={"models": ["a"]})) as server, FaultServer(reply(403)) as closed:

        async def scenario() -> Any:
            providers: dict[str, Provider] = {
                "chat": Chat(),
                "closed": Vectors(closed.url),
                "keyless": Vectors(server.url, api_key=""),
                "vec": Vectors(server.url),
            }
            async with Client(providers=providers) as client:
                return await client.alist_models()

        found = run(scenario)
    assert ["vec/a"] == [model.name for model in found]
    assert ["closed"] == [*found.errors]
    assert 403 == found.errors["closed"].status


class Server(Vectors):
    """A server that needs no key, and that nobody has set up."""

    def is_configured(self) -> bool:
        """It is as it came."""
        return False


def test_a_provider_that_nobody_has_set_up_is_listed_by_name_only(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A list of all providers' models does not ask for what may not be there."""
    monkeypatch.setattr("llmgate._core.registry.installed_providers", dict[str, Any])
    with FaultServer(reply(body={"models": ["a"]})) as server:

        async def scenario() -> Any:
            async with Client(providers={"own": Server(server.url)}) as client:
                return await client.alist_models(), await client.alist_models("own")

        everything, named = run(scenario)
    assert [] == [*everything]
    assert ["own/a"] == [model.name for model in named]


def test_what_nobody_foresaw_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """And is not taken for a provider's failure."""

    async def load(*_: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(Client, "_load", load)
    with FaultServer(hang) as server, pytest.raises(ZeroDivisionError):
        listing(server, None)


class Embeds(Embedder):
    """An embedder that declares nothing of its models."""

    def embed(self, call: EmbeddingCall) -> Flow[Embeddings]:
        """No request, and no vectors."""
        yield HttpRequest("POST", "https://embed.invalid")
        return Embeddings([])


def test_an_embedder_need_not_declare_its_models() -> None:
    """It takes texts alone, in one request, and every parameter unchanged."""
    abilities = Embeds().embedding_abilities("any")
    assert (None, None, False) == (
        abilities.parameters,
        abilities.max_batch,
        abilities.takes_tokens,
    )
