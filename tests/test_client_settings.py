"""A client: what its providers declare, its settings, and what it is."""

from __future__ import annotations

import asyncio
import copy
import pickle
import ssl
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import llmgate
from llmgate import Client, Timeout
from llmgate._core import connections as _connections
from llmgate.errors import (
    ClosedError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    UnsupportedError,
)
from llmgate.provider import Decoder, LegacyFunctions, Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, encode_json
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Chunk, Completion, Function, ToolCall
from tests.faults.calls import HI, KEY, MODEL, client_of
from tests.faults.server import COMPLETION, FaultServer, reply, stream
from tests.machine import wait_for_async
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that answers every call."""
    with FaultServer(ANSWER) as running:
        yield running


# --- what a provider declares -------------------------------------------------------------


class Plain(Provider):
    """A provider without much."""

    protocol = 2
    name = "plain"
    parameters = {"temperature": Support.NATIVE, "tools": Support.NATIVE}  # noqa: RUF012 - one use

    def __init__(self, *answers: Canned) -> None:
        self._transport = CannedTransport(answers)

    @property
    def transport(self) -> CannedTransport:
        return self._transport

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        body = encode_json({"messages": call.messages, **call.parameters})
        return Completion.model_validate((yield HttpRequest("POST", "http://x", body=body)).json())

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        raise NotImplementedError


GOOD = Canned(body=encode_json(COMPLETION))


class Closable(CannedTransport):
    """A transport that knows whether it was closed."""

    is_closed = False

    async def aclose(self) -> None:
        self.is_closed = True


class Carried(Plain):
    """A provider that gives each client a transport of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.transports = list[Closable]()

    @property
    def transport(self) -> Closable:
        self.transports.append(Closable([GOOD, GOOD]))
        return self.transports[-1]


async def test_a_client_asks_once_for_a_transport_and_closes_it() -> None:
    """Another client of the same provider gets another."""
    provider = Carried()
    async with Client(providers={"plain": provider}) as other:
        async with Client(providers={"plain": provider}) as client:
            for _ in range(2):
                await client.acompletion("plain/x", HI)
            await other.acompletion("plain/x", HI)
        assert [True, False] == [made.is_closed for made in provider.transports]
    assert [True, True] == [made.is_closed for made in provider.transports]


async def test_a_knob_that_a_provider_lacks(caplog: pytest.LogCaptureFixture) -> None:
    """It is dropped, reported and logged; or refused where that was asked for."""
    client = Client(providers={"plain": Plain(GOOD)})
    answer = await client.acompletion("plain/x", HI, seed=1, n=1, temperature=0.5)
    assert ["seed"] == [deviation.path for deviation in answer.report]
    assert "seed" in caplog.text
    for refusing in (client, Client(providers={"plain": Plain()}, unsupported="raise")):
        with pytest.raises(UnsupportedError) as caught:
            await refusing.acompletion("plain/x", HI, seed=1, unsupported="raise")
        assert "seed" == caught.value.parameter


JSON_OBJECT = {"type": "json_object"}


@pytest.mark.parametrize(
    "options", [{"n": 2}, {"response_format": JSON_OBJECT}, {"modalities": ["audio"]}]
)
async def test_a_meaning_that_a_provider_lacks(options: dict[str, Any]) -> None:
    """What would change the answer is refused."""
    with pytest.raises(UnsupportedError):
        await Client(providers={"plain": Plain()}).acompletion("plain/x", HI, **options)


async def test_functions_in_the_legacy_form() -> None:
    """They become tools for a provider that has only those, and the answer comes back as asked."""
    call = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
    choice = {"message": {"tool_calls": [call]}, "finish_reason": "tool_calls"}
    plain = Plain(Canned(body=encode_json({**COMPLETION, "choices": [choice]})))
    functions: Any = [{"name": "f", "parameters": {}}]
    answer = await Client(providers={"plain": plain}).acompletion(
        "plain/x", HI, functions=functions
    )
    assert b'"tools"' in plain.transport.requests[0].body
    message = answer.choices[0].message
    assert message.function_call is not None
    assert ("f", None, "function_call") == (
        message.function_call.name,
        message.tool_calls,
        answer.choices[0].finish_reason,
    )


class Legacy(PlainProvider, LegacyFunctions):
    """A provider that takes functions in the legacy form."""

    def takes_legacy_functions(self) -> bool:
        """Always."""
        return True


async def test_functions_in_the_legacy_form_of_a_provider_that_has_them() -> None:
    """They are sent as they are."""
    transport = CannedTransport([GOOD])
    provider = with_transport(Legacy(api_key=KEY), transport)
    functions: Any = [{"name": "f", "parameters": {}}]
    await Client(providers={"openai": provider}).acompletion(MODEL, HI, functions=functions)
    assert b'"functions"' in transport.requests[0].body


# --- keys ---------------------------------------------------------------------------------


async def test_a_key_that_is_set_later(monkeypatch: pytest.MonkeyPatch) -> None:
    """The error names the variable; once it is set, the same client finds it."""
    transport = CannedTransport([GOOD])

    def make() -> PlainProvider:
        return with_transport(PlainProvider(), transport)

    client = Client(providers={"mine": make})
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
        await client.acompletion("mine/gpt-4o", HI)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    assert "Hi" == (await client.acompletion("mine/gpt-4o", HI)).text


# --- a client's own settings --------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"timeout": 0}, "timeout"),
        ({"max_retries": -1}, "max_retries"),
        ({"unsupported": "x"}, "unsupported"),
        ({"hooks": [5]}, "hooks"),
        ({"hooks": 5}, "hooks"),
        ({"hook_timeout": "x"}, "hook_timeout"),
        ({"verify": 7}, "verify"),
        ({"verify": ""}, "verify"),
        ({"verify": None}, "verify"),
        ({"proxy": 5}, "proxy"),
        ({"proxy": ""}, "proxy"),
        ({"proxy": {"https": "http://127.0.0.1:9"}}, "proxy"),
        ({"proxy": "socks5://127.0.0.1:9"}, "proxy"),
        ({"trust_env": "no"}, "trust_env"),
        ({"proxy": "nonsense"}, "proxy"),
        ({"proxy": "http://["}, "proxy"),
        ({"proxy": "http://"}, "proxy"),
        ({"limit": "5"}, "limit"),
        ({"limit": -1}, "limit"),
        ({"limit": 1.5}, "limit"),
        ({"limit": True}, "limit"),
        ({"limit": 0}, "limit"),
        ({"retry": 5}, "retry"),
        ({"retry": 0}, "retry"),
        ({"retry": False}, "retry"),
        ({"providers": [1]}, "providers"),
        ({"providers": "openai"}, "providers"),
        ({"providers": {1: Plain}}, "providers"),
        ({"providers": {"a/b": Plain}}, "providers"),
        ({"providers": {"a": 1}}, "providers['a']"),
        ({"providers": {"a": None}}, "providers['a']"),
    ],
)
def test_settings_that_are_refused(settings: dict[str, Any], path: str) -> None:
    """When the client is made, by name."""
    with pytest.raises(InvalidRequestError) as caught:
        Client(**settings)
    assert path == caught.value.path


@pytest.mark.parametrize("verify", [True, False, Path("ca.pem"), ssl.create_default_context()])
@pytest.mark.parametrize("proxy", [None, "http://127.0.0.1:9"])
def test_settings_that_are_taken(verify: Any, proxy: str | None) -> None:
    """A path may be one of pathlib's; no file is read yet."""
    Client(verify=verify, proxy=proxy, providers={"a": Plain(), "b": Plain}, retry=None)


async def test_a_timeout_of_the_client() -> None:
    """It holds for every call that has none of its own."""
    with FaultServer(ANSWER) as server:
        async with client_of(server, timeout=Timeout(total=0.000_001)) as client:
            with pytest.raises(TimeoutError):
                await client.acompletion(MODEL, HI)
            assert "Hi" == (await client.acompletion(MODEL, HI, timeout=5)).text


async def test_a_closed_client(server: FaultServer) -> None:
    """It is used up."""
    client = client_of(server)
    async with client:
        await client.acompletion(MODEL, HI)
    with pytest.raises(ClosedError):
        await client.acompletion(MODEL, HI)
    await client.aclose()
    assert await wait_for_async(lambda: server.open_connections == 0)


async def test_a_client_that_was_never_used() -> None:
    """Closing it closes nothing."""
    async with Client():
        pass


def test_making_a_client_opens_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No socket, and no event loop is needed."""
    monkeypatch.setattr("socket.socket", None)
    Client(hooks=[print], proxy="http://127.0.0.1:9", verify="/nowhere")


async def test_the_transport_is_loaded_aside(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading it takes a while, in which the loop goes on; calls that wait share one pool."""
    monkeypatch.delitem(sys.modules, "tabnanny", raising=False)
    monkeypatch.setattr(_connections, "_TRANSPORT", "tabnanny")
    with FaultServer(ANSWER) as server:
        async with client_of(server, limit=1) as client:
            await asyncio.gather(*(client.acompletion(MODEL, HI) for _ in range(3)))
        assert 1 == server.connections


async def test_every_error_is_ours() -> None:
    """The root of the tree catches them all."""
    with pytest.raises(LLMGateError):
        await client_of("http://127.0.0.1:9/v1").acompletion(MODEL, HI)


async def test_hooks_have_been_called_when_the_client_is_closed(server: FaultServer) -> None:
    """Also those of a single call, and slow ones."""
    seen: list[object] = []

    def slow(event: object) -> None:
        time.sleep(0.03)
        seen.append(event)

    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, hooks=[slow])
    assert ["CallStarted", "CallEnded"] == [type(seen[at]).__name__ for at in (0, -1)]


async def test_one_answer_is_what_everybody_gives() -> None:
    """n=1 changes nothing, and so is neither reported nor refused."""

    class Plain(FakeProvider):
        parameters = {"temperature": Support.NATIVE}  # noqa: RUF012 - it is not changed

    async with Client(providers={"fake": Plain(["Hi"])}) as client:
        answer = await client.acompletion("fake/m", HI, n=1, unsupported="raise")
    assert [] == list(answer.report)


async def test_tools_are_answered_as_tools_whatever_the_history_holds() -> None:
    """Only a call that offers functions itself is answered in the legacy form."""
    called = {
        "role": "assistant",
        "content": None,
        "function_call": {"name": "f", "arguments": "{}"},
    }
    messages: list[Any] = [*HI, called, {"role": "function", "name": "f", "content": "5"}]
    tools: list[Any] = [{"type": "function", "function": {"name": "f"}}]
    fake = FakeProvider([ToolCall("c1", Function("f"))])
    async with Client(providers={"fake": fake}) as client:
        answer = await client.acompletion("fake/m", messages, tools=tools)
    message = answer.choices[0].message
    assert (None, "tool_calls") == (message.function_call, answer.choices[0].finish_reason)
    assert ["c1"] == [call.id for call in message.tool_calls or []]


# --- what a client is ---


def test_a_client_without_await_is_closed_by_with() -> None:
    """It closes the connections of its calls, and is then used up."""
    with FaultServer(ANSWER) as server:
        with client_of(server) as client:
            assert "Hi" == client.completion(MODEL, HI).text
            assert 1 == server.open_connections
            assert "max_retries=" in repr(client)
            assert "open" in repr(client)
        assert server.wait_until_left()
        assert "closed" in repr(client)
        client.close()
        with pytest.raises(ClosedError):
            client.completion(MODEL, HI)


def test_what_a_client_prints_holds_no_key() -> None:
    """Only its limits."""
    client = Client(
        providers={"openai": PlainProvider(api_key=KEY)}, proxy=f"http://user:{KEY}@proxy"
    )
    assert "<Client timeout=600.0, max_retries=2, open>" == repr(client)


@pytest.mark.parametrize("take", [pickle.dumps, copy.copy, copy.deepcopy])
async def test_what_holds_connections_is_not_pickled(take: Any) -> None:
    """The error says why, and what to do."""
    with FaultServer(stream("a")) as server:
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            for live in (client, answer, llmgate.SyncStream(answer)):
                with pytest.raises(TypeError, match=r"belong to this process.*make a client"):
                    take(live)


@pytest.mark.parametrize(
    ("name", "place"),
    [("chat", r"call acompletion\(model"), ("nothing", "no attribute 'nothing'$")],
)
def test_an_attribute_that_people_look_for(name: str, place: str) -> None:
    """The error says what to call instead."""
    assert not hasattr(Client(), name)
    with pytest.raises(AttributeError, match=place):
        getattr(Client(), name)


async def test_a_stream_is_no_completion() -> None:
    """The error says how to read it."""
    with FaultServer(stream("a")) as server:
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            for each in (answer, llmgate.SyncStream(answer)):
                assert not hasattr(each, "choices")
                with pytest.raises(AttributeError, match="iterate over it"):
                    getattr(each, "choices")  # noqa: B009 - a type checker forbids it, as it should
