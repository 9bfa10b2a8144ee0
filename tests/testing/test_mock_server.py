"""The mock server: providers of llmgate and the vendors' own SDKs take it for the real thing."""

from __future__ import annotations

import asyncio
import json
import urllib.request
from collections.abc import Iterator
from typing import Any

import anthropic
import cohere
import ollama
import openai
import pytest
from google import genai

from llmgate import Client, Completion, InvalidRequestError, RequestError
from llmgate.errors import AuthenticationError, BadRequestError, NotFoundError
from llmgate.testing import Canned, MockServer, server
from llmgate.testing.mock_server import Received
from llmgate.testing.mock_server.answers import Asked
from llmgate.testing.mock_server.shapes import SHAPES as SHAPES_OF
from llmgate.types import Function, ToolCall

HI: Any = [{"role": "user", "content": "Hi"}]
KEY = "sk-canary-0123456789"
CALL = ToolCall("call_1", Function("weather", '{"city": "Paris"}'))
SHAPES = ["openai", "anthropic", "gemini", "cohere", "ollama"]
WEATHER: Any = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": "The weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
    },
}


@pytest.fixture(name="mock")
def _mock() -> Iterator[MockServer]:
    """A server that says three things, one after the other."""
    with server(["Paris, of course.", ["Rome ", "it is.", CALL], "Bern"]) as made:
        yield made


def given(mock: MockServer, shape: str) -> dict[str, Any]:
    """The settings of a call to it."""
    return {"base_url": mock.base_url(shape), "api_key": KEY}


def called(completion: Completion) -> Any:
    """The calls of a completion."""
    return completion.choices[0].message.tool_calls


# --- llmgate's own providers ---


@pytest.mark.parametrize("shape", SHAPES)
async def test_providers_of_llmgate(mock: MockServer, shape: str) -> None:
    """A completion, a tool call, a stream, and the same without a stream."""
    model, settings = f"{shape}/mock-1", given(mock, shape)
    async with Client() as client:
        first = await client.acompletion(model, HI, tools=[WEATHER], **settings)
        stream = await client.acompletion(model, HI, tools=[WEATHER], stream=True, **settings)
        second = await stream.completion()
        third = await (await client.acompletion(model, HI, stream=True, **settings)).completion()
    assert "Paris, of course." == first.text
    assert "stop" == first.choices[0].finish_reason
    assert first.usage is not None
    assert 3 == first.usage.completion_tokens
    assert "Rome it is." == second.text
    assert "tool_calls" == second.choices[0].finish_reason
    function = called(second)[0].function
    assert ("weather", {"city": "Paris"}) == (function.name, json.loads(function.arguments))
    assert "Bern" == third.text
    assert [shape] * 3 == [each.shape for each in mock.requests]
    assert ["chat"] * 3 == [each.operation for each in mock.requests]


@pytest.mark.parametrize("shape", SHAPES)
async def test_tool_calls_without_a_stream(shape: str) -> None:
    """And the result of a tool goes back."""
    with server([CALL, "Sunny.", CALL, ""]) as mock:
        model, settings = f"{shape}/mock-1", given(mock, shape)
        async with Client() as client:
            first = await client.acompletion(model, HI, tools=[WEATHER], **settings)
            result = {"role": "tool", "tool_call_id": called(first)[0].id, "content": "sun"}
            history = [*HI, first.choices[0].message, result]
            second = await client.acompletion(model, history, tools=[WEATHER], **settings)
            stream = await client.acompletion(model, HI, tools=[WEATHER], stream=True, **settings)
            third = await stream.completion()
            stream = await client.acompletion(model, HI, stream=True, **settings)
            fourth = await stream.completion()
    assert "Sunny." == second.text
    assert ("weather", "") == (called(third)[0].function.name, fourth.text or "")


@pytest.mark.parametrize("shape", [each for each in SHAPES if each != "anthropic"])
async def test_embeddings(mock: MockServer, shape: str) -> None:
    """The same text has the same vector."""
    async with Client() as client:
        made = await client.aembedding(f"{shape}/mock-1", ["a", "b", "a"], **given(mock, shape))
        one = await client.aembedding(f"{shape}/mock-1", "a", **given(mock, shape))
    first, second, third = (each.embedding for each in made.data)
    assert first == third == one.data[0].embedding
    assert first != second
    assert 8 == len(first)


@pytest.mark.parametrize("shape", [each for each in SHAPES if each != "anthropic"])
async def test_lists_of_models(shape: str) -> None:
    """Those that the server was given."""
    with server(models=["m-1", "m-2"]) as mock:
        async with Client() as client:
            listed = await client.alist_models(shape, **given(mock, shape))
    assert {"m-1", "m-2"} == {model.id.rpartition("/")[2] for model in listed}


# --- the vendors' SDKs ---


def test_the_sdk_of_openai(mock: MockServer) -> None:
    """Chats, streams, embeddings and models."""
    client = openai.OpenAI(api_key=KEY, base_url=mock.base_url("openai"), max_retries=0)
    with client:
        first = client.chat.completions.create(model="mock-1", messages=HI)
        assert "Paris, of course." == first.choices[0].message.content
        chunks = [*client.chat.completions.create(model="mock-1", messages=HI, stream=True)]
        text = "".join(each.choices[0].delta.content or "" for each in chunks)
        assert "Rome it is." == text
        assert "tool_calls" == chunks[-1].choices[0].finish_reason
        made = client.embeddings.create(model="mock-1", input=["a", "b"])
        plain = client.embeddings.create(model="mock-1", input="a", encoding_format="float")
        assert made.data[0].embedding == pytest.approx(plain.data[0].embedding, abs=1e-6)
        assert ["mock-1", "mock-2"] == [model.id for model in client.models.list()]


def test_the_sdk_of_anthropic(mock: MockServer) -> None:
    """Messages, streams and models."""
    base_url = mock.base_url("anthropic")
    with anthropic.Anthropic(api_key=KEY, base_url=base_url, max_retries=0) as client:
        first: Any = client.messages.create(model="mock-1", messages=HI, max_tokens=9)
        assert "Paris, of course." == first.content[0].text
        with client.messages.stream(model="mock-1", messages=HI, max_tokens=9) as stream:
            final: Any = stream.get_final_message()
        assert "Rome it is." == final.content[0].text
        assert {"city": "Paris"} == final.content[1].input
        assert ["mock-1", "mock-2"] == [model.id for model in client.models.list()]


def test_the_sdk_of_gemini(mock: MockServer) -> None:
    """Contents, streams and embeddings."""
    client: Any = genai.Client(api_key=KEY, http_options={"base_url": mock.base_url("gemini")})
    first = client.models.generate_content(model="mock-1", contents="Hi")
    assert "Paris, of course." == first.text
    chunks = [*client.models.generate_content_stream(model="mock-1", contents="Hi")]
    assert chunks[-1].function_calls[0].args == {"city": "Paris"}
    embedded = client.models.embed_content(model="mock-1", contents=["a", "b"])
    assert 2 == len(embedded.embeddings)
    client.close()


def test_the_sdks_of_cohere_and_ollama(mock: MockServer) -> None:
    """Chats and streams."""
    client: Any = cohere.ClientV2(api_key=KEY, base_url=mock.base_url("cohere"))
    assert "Paris, of course." == client.chat(model="m", messages=HI).message.content[0].text
    events = [event.type for event in client.chat_stream(model="m", messages=HI)]
    assert "tool-call-end" in events
    assert "message-end" == events[-1]
    local: Any = ollama.Client(host=mock.base_url("ollama"))
    assert "Bern" == local.chat(model="m", messages=HI).message.content
    assert 1 == len(local.embed(model="m", input="a").embeddings)
    client._client_wrapper.httpx_client.httpx_client.close()
    local._client.close()


@pytest.mark.parametrize(
    ("path", "headers", "shape"),
    [
        ("/v1/chat/completions", {}, "openai"),
        ("/openai/deployments/x/chat/completions", {}, "openai"),
        ("/v1/messages", {}, "anthropic"),
        ("/v1/models", {"anthropic-version": "2023-06-01"}, "anthropic"),
        ("/v1beta/models/m:generateContent", {}, "gemini"),
        ("/v2/chat", {}, "cohere"),
        ("/api/chat", {}, "ollama"),
    ],
)
def test_formats_are_known_by_their_paths(path: str, headers: dict[str, str], shape: str) -> None:
    """Where an address has no name of a format before them."""
    with server(["x"]) as mock:
        fetch(mock.url + path, {}, headers)
        assert [shape] == [each.shape for each in mock.requests]


def fetch(url: str, body: Any = None, headers: dict[str, str] | None = None) -> Any:
    """The text of a response."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers or {})  # noqa: S310 - of this machine
    with urllib.request.urlopen(request) as response:  # noqa: S310 - likewise
        return response.read().decode()


# --- scripts ---


async def ask(mock: MockServer, text: str = "Hi") -> Completion:
    """What OpenAI's provider is answered."""
    messages: Any = [{"role": "user", "content": text}]
    async with Client(max_retries=0) as client:
        made = await client.acompletion("openai/mock-1", messages, **given(mock, "openai"))
    assert isinstance(made, Completion)
    return made


async def test_scripts() -> None:
    """A callable sees what was asked, and a response can be given as it is."""

    def script(request: Received) -> Any:
        if request.body["messages"][0]["content"] != "Hi":
            raise ValueError("what is that?")
        return Canned.json({"error": {"message": "bad key"}}, status=401)

    with server(script) as mock:
        with pytest.raises(AuthenticationError, match="bad key"):
            await ask(mock)
        with pytest.raises(BadRequestError, match="what is that"):
            await ask(mock, "no")


async def test_a_script_that_is_over() -> None:
    """Says so, in an error that is not retried."""
    with server([]) as mock, pytest.raises(BadRequestError, match="the script is over"):
        await ask(mock)
    strange: Any = [object(), ["a", 1]]
    with server(strange) as mock:
        for _ in range(2):
            with pytest.raises(BadRequestError, match="expected a text"):
                await ask(mock)
    with server([ToolCall("c")]) as mock, pytest.raises(BadRequestError, match="functions only"):
        await ask(mock)


async def test_without_a_script() -> None:
    """Every chat has the same text."""
    async with server() as mock:
        assert "This is a mock response." == (await ask(mock)).text
        assert "This is a mock response." == (await ask(mock)).text


async def test_an_unknown_address() -> None:
    """Is refused in the format that was spoken."""
    with server() as mock:
        async with Client(max_retries=0) as client:
            settings: Any = {"base_url": f"{mock.url}/anthropic", "api_key": KEY}
            with pytest.raises(NotFoundError):
                await client.aembedding("cohere/m", "a", **settings)
        assert "" == mock.requests[-1].operation


# --- what it tells, and keeps to itself ---


def test_it_listens_on_this_machine_alone() -> None:
    """Unless another address is given."""
    made = server()
    with made:
        assert made.url.startswith("http://127.0.0.1:")
        assert "running" in repr(made)
        with pytest.raises(RequestError, match="running already"):
            made.__enter__()
        with pytest.raises(RequestError, match="no server can listen on"):
            server(port=int(made.url.rpartition(":")[2])).__enter__()
        with pytest.raises(InvalidRequestError, match="must be one of openai"):
            made.base_url("grok")
    assert "stopped" in repr(made)
    made.__exit__(None, None, None)
    assert "http://[::1]:8" == server(host="::1", port=8).url


async def test_no_credential_is_shown(mock: MockServer) -> None:
    """Neither in what it records, nor in what it answers."""
    query = mock.base_url("openai") + f"/models?api_key={KEY}&x=1"
    seen = [await asyncio.to_thread(fetch, query, None, {"Authorization": f"Bearer {KEY}"})]
    seen.append((await ask(mock)).raw.decode())
    shown = repr((mock.requests, seen, mock))
    assert KEY not in shown
    assert "/v1/models?api_key=***&x=1" == mock.requests[0].path
    assert "***" == mock.requests[0].headers["authorization"]
    assert "models" == mock.requests[0].operation


def test_a_body_that_is_no_json(mock: MockServer) -> None:
    """Is a request like any other."""
    request = urllib.request.Request(mock.url + "/v1/chat/completions", b"{")  # noqa: S310 - likewise
    with urllib.request.urlopen(request) as response:  # noqa: S310 - likewise
        assert 200 == response.status
    assert mock.requests[0].body is None


def test_a_format_without_embeddings() -> None:
    """Has no such address, and makes none."""
    assert SHAPES_OF["cohere"].asked("/v2/rerank", {}) is None
    shape = SHAPES_OF["anthropic"]
    assert shape.asked("/v1/embeddings", {}) is None
    for make in (lambda: shape.inputs(Asked("chat")), lambda: shape.embeddings([], Asked("chat"))):
        with pytest.raises(NotImplementedError):
            make()


def test_a_port_that_there_is_not_is_refused() -> None:
    """At once, and not by a thread that dies while the program waits."""
    with (
        pytest.raises(RequestError, match=r"no server can listen on .+, port 99999: "),
        server(port=99_999),
    ):
        pass


@pytest.mark.parametrize("where", [{"host": "a..b"}, {"port": "x"}, {"host": 5}])
def test_an_address_that_is_none_is_refused(where: Any) -> None:
    """At once; and it may be started again."""
    made = server(**where)
    for _ in range(2):
        with pytest.raises(RequestError, match="no server can listen on"):
            made.__enter__()


def test_a_body_that_is_nested_too_deeply(mock: MockServer) -> None:
    """It is none of any format's; the server lives on."""
    address = f"{mock.url}/openai/v1/chat/completions"
    with urllib.request.urlopen(address, b"[" * 200_000, timeout=10) as response:  # noqa: S310 - likewise
        assert 200 == response.status
    assert None is mock.requests[-1].body


def test_the_type_of_an_own_response() -> None:
    """It is sent once, however its name is written."""
    with server([Canned(200, {"content-type": "text/plain"}, b"x")]) as mock:
        address = f"{mock.url}/openai/v1/chat/completions"
        with urllib.request.urlopen(address, b"{}", timeout=10) as response:  # noqa: S310 - likewise
            assert ["text/plain"] == response.headers.get_all("content-type")
