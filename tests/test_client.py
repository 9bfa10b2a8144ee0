"""The client: every option of a call, what is refused before anything is sent, and settings."""

from __future__ import annotations

import asyncio
import copy
import pickle
import ssl
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate
from llmgate import Client, Timeout
from llmgate._core import connections as _connections
from llmgate._core.default import default_client
from llmgate.errors import (
    ClosedError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    OutputValidationError,
    OverloadedError,
    UnknownProviderError,
    UnsupportedError,
)
from llmgate.hooks import CallEnded
from llmgate.options import CallOptions
from llmgate.provider import Decoder, LegacyFunctions, Provider, Support
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, Secret, encode_json
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Chunk, Completion, Function, ToolCall
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder, client_of
from tests.faults.server import COMPLETION, FaultServer, reply, stream, wait_for_async
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that answers every call."""
    with FaultServer(ANSWER) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL", "OPENAI_ORG_ID", "OPENAI_PROJECT_ID"):
        monkeypatch.delenv(name, raising=False)


async def refusal(**options: Any) -> InvalidRequestError:
    """The error of a call that is refused; nothing is sent."""
    with FaultServer(ANSWER) as server:
        async with client_of(server) as client:
            model, messages = options.pop("model", MODEL), options.pop("messages", HI)
            with pytest.raises(InvalidRequestError) as caught:
                await client.acompletion(model, messages, **options)
        assert 0 == server.connections
    return caught.value


# --- the two functions --------------------------------------------------------------------


async def test_the_modules_functions(server: FaultServer) -> None:
    """They are methods of one client with the default settings."""
    options: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
    assert "Hi" == (await llmgate.acompletion(MODEL, HI, stream=False, **options)).text
    assert (
        "Hi"
        == (
            await asyncio.to_thread(lambda: llmgate.completion(MODEL, HI, stream=False, **options))
        ).text
    )
    assert default_client() is default_client()
    with FaultServer(stream("a", "b")) as streaming:
        options["base_url"] = streaming.url
        answer = await llmgate.acompletion(MODEL, HI, stream=True, **options)
        assert "ab" == (await answer.completion()).text
    await default_client()._connections.pools[asyncio.get_running_loop()].aclose()


async def test_by_keywords(server: FaultServer) -> None:
    """Everything can be given by name."""
    async with client_of(server) as client:
        answer = await client.acompletion(model=MODEL, messages=HI, stream=False)
    assert ("openai", "gpt-4o") == (answer.provider, server.requests[0].json["model"])
    assert "gpt-4o-1" == answer.model


@pytest.mark.parametrize("model", ["gpt-4o", "openai/gpt-4o", "o3-mini"])
async def test_models(server: FaultServer, model: str) -> None:
    """``provider/model``, or a bare name that a provider claims."""
    async with client_of(server) as client:
        await client.acompletion(model, HI)
    assert model.rpartition("/")[2] == server.requests[0].json["model"]


async def test_an_unknown_model() -> None:
    """The error says what is installed, and what to install."""
    with pytest.raises(UnknownProviderError, match="openai"):
        await Client().acompletion("nobody-knows-this", HI)


async def test_an_answer_is_a_message_of_the_next_call(server: FaultServer) -> None:
    """As it is."""
    async with client_of(server) as client:
        answer = await client.acompletion(MODEL, HI)
        await client.acompletion(MODEL, [*HI, answer.choices[0].message, *HI])
    assert ["user", "assistant", "user"] == [
        message["role"] for message in server.requests[1].json["messages"]
    ]


# --- options of a call --------------------------------------------------------------------


async def test_none_means_not_given(server: FaultServer) -> None:
    """Of every option."""
    options: dict[str, Any] = dict.fromkeys(CallOptions.__annotations__)
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, stream=None, **options)
    assert {"model", "messages"} == {*server.requests[0].json}


@pytest.mark.parametrize("name", ["base_url", "api_base"])
async def test_key_and_address_of_a_call(server: FaultServer, name: str) -> None:
    """They go before the client's, for this call."""
    options: dict[str, Any] = {name: f"{server.url}/", "api_key": "  sk-of-the-call\n"}
    async with client_of("http://127.0.0.1:9/v1") as client:
        await client.acompletion(MODEL, HI, **options)
    assert "/v1/chat/completions" == server.requests[0].target
    assert "Bearer sk-of-the-call" == server.requests[0].headers["authorization"]


async def test_a_secret_as_a_key(server: FaultServer) -> None:
    """A key may be a ``Secret``, as a program keeps it."""
    options: dict[str, Any] = {"api_key": Secret("sk-of-the-call")}
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, **options)
    assert "Bearer sk-of-the-call" == server.requests[0].headers["authorization"]


async def test_two_names_for_one_address() -> None:
    """``base_url`` and ``api_base`` at once contradict each other."""
    assert "api_base" == (await refusal(base_url="http://x", api_base="http://y")).path


async def test_a_setting_that_the_provider_lacks() -> None:
    """OpenAI has no ``api_version``: it is refused, not dropped."""
    with pytest.raises(InvalidRequestError) as caught:
        await Client().acompletion(MODEL, HI, api_key=KEY, api_version="1")
    assert "api_version" == caught.value.path


@pytest.mark.parametrize("name", ["timeout", "force_timeout", "forceTimeout"])
async def test_timeouts_by_every_name(server: FaultServer, name: str) -> None:
    """They all say the same, and only one may be given."""
    options: dict[str, Any] = {name: 0.000_001}
    async with client_of(server) as client:
        with pytest.raises(TimeoutError):
            await client.acompletion(MODEL, HI, **options)
        options = {name: 5}
        await client.acompletion(MODEL, HI, **options)
    other: dict[str, Any] = {"timeout": 1, "force_timeout": 1}
    if name != "timeout":
        other = {"timeout": 1, name: 1}
    assert (await refusal(**other)).path in ("force_timeout", name)


async def test_extra_headers(server: FaultServer) -> None:
    """They are sent, and go before the provider's own of the same name, however written."""
    headers = {"x-trace": "1", "AUTHORIZATION": "Basic abc", "Content-Type": "application/json; x"}
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, extra_headers=headers)
    sent = server.requests[0].headers
    assert ("1", "Basic abc") == (sent["x-trace"], sent["authorization"])
    assert "application/json; x" == sent["content-type"]


async def test_extra_body(server: FaultServer) -> None:
    """It is merged into the request, last."""
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, seed=1, extra_body={"seed": 2, "own": {"a": [None]}})
    assert (2, {"a": [None]}) == (server.requests[0].json["seed"], server.requests[0].json["own"])


async def test_hooks_of_a_call(server: FaultServer) -> None:
    """They are told beside the client's, of this call only."""
    always, once = Recorder(), Recorder()
    async with client_of(server, hooks=[always]) as client:
        await client.acompletion(MODEL, HI, hooks=[once])
        await client.acompletion(MODEL, HI)
    assert (1, 2) == (len(once.all(CallEnded)), len(always.all(CallEnded)))


async def test_two_clients_at_once() -> None:
    """Their keys, hooks and policies do not mix."""
    with FaultServer(reply(503)) as one, FaultServer(ANSWER) as other:
        told = Recorder(), Recorder()
        clients = [
            Client(
                providers={"openai": PlainProvider(api_key="sk-1", base_url=one.url)},
                hooks=[told[0]],
            ),
            client_of(other, hooks=[told[1]]),
        ]
        clients[0]._policy = replace(AT_ONCE, max_retries=3)
        calls = [client.acompletion(MODEL, HI) for client in clients for _ in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        for client in clients:
            await client.aclose()
    assert [OverloadedError] * 5 + [Completion] * 5 == [type(result) for result in results]
    assert (20, 5) == (len(one.requests), len(other.requests))
    assert {"Bearer sk-1"} == {seen.headers["authorization"] for seen in one.requests}
    assert {f"Bearer {KEY}"} == {seen.headers["authorization"] for seen in other.requests}
    assert (5, 5) == tuple(len(hook.all(CallEnded)) for hook in told)


async def test_the_logger_of_old(server: FaultServer) -> None:
    """``logger_fn`` is handed a dictionary an event: the request, the reply or the failure."""
    seen: list[dict[str, Any]] = []
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, logger_fn=seen.append)
    assert ["call", "request", "attempt", "reply"] == [each["event"] for each in seen]
    assert '"content":"Hi"' in seen[1]["body"]
    assert "Hi" == seen[3]["completion"]["choices"][0]["message"]["content"]
    assert KEY not in repr(seen)


async def test_verbose(server: FaultServer, capsys: pytest.CaptureFixture[str]) -> None:
    """This call's log goes to standard error, and no logging is set up."""
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, verbose=True)
        await client.acompletion(MODEL, HI)
    shown = capsys.readouterr()
    assert "" == shown.out
    assert 1 == shown.err.count("llmgate: request")
    assert "llmgate: reply" in shown.err
    assert KEY not in shown.err


async def test_an_argument_of_a_provider_alone() -> None:
    """The guide says how it is sent."""
    assert "docs/calls.md" in str(await refusal(zzz=1))


# --- <provider>=True ----------------------------------------------------------------------


async def test_the_switch_of_a_provider(server: FaultServer) -> None:
    """``<provider>=True`` sends the model there, whoever claims it; False says nothing."""
    fake = FakeProvider(["from fake"] * 2)
    async with client_of(server) as client:
        client._registry._given["fake"] = fake
        to_fake: Any = {"fake": True}
        not_to_fake: Any = {"fake": False}
        assert "from fake" == (await client.acompletion("gpt-4o", HI, stream=False, **to_fake)).text
        assert "from fake" == (await client.acompletion("fake/x", HI, stream=False, **to_fake)).text
        assert "Hi" == (await client.acompletion("gpt-4o", HI, stream=False, **not_to_fake)).text


@pytest.mark.parametrize("value", [True, False])
async def test_the_switch_of_nobody(value: bool) -> None:
    """What is neither a provider nor an argument is refused."""
    assert "nobody" == (await refusal(nobody=value)).path


async def test_the_switch_of_a_provider_that_could_be_installed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is named with its package."""
    monkeypatch.setattr("llmgate._core.advice.installable", lambda: ("absent",))
    option: dict[str, Any] = {"absent": True}
    with pytest.raises(UnknownProviderError, match=r"llmgate-core\[absent\]"):
        await Client().acompletion("gpt-4o", HI, **option)


# --- Python types -------------------------------------------------------------------------


class City(BaseModel):
    """A city."""

    name: str


def weather(city: str) -> str:
    """The weather somewhere."""
    return city


async def test_a_class_as_response_format(server: FaultServer) -> None:
    """Its schema is sent."""
    async with client_of(server) as client:
        with pytest.raises(OutputValidationError):
            await client.acompletion(MODEL, HI, response_format=City)
    sent = server.requests[0].json["response_format"]
    assert ("json_schema", "City") == (sent["type"], sent["json_schema"]["name"])


@pytest.mark.parametrize("kind", [list, tuple, iter])
async def test_functions_as_tools(server: FaultServer, kind: Any) -> None:
    """Their schemas are sent, beside tools in OpenAI's form, from any iterable."""
    other = {"type": "function", "function": {"name": "other"}}
    tools: Any = kind([weather, other])
    async with client_of(server) as client:
        await client.acompletion(MODEL, HI, tools=tools)
    sent = server.requests[0].json["tools"]
    assert ["weather", "other"] == [tool["function"]["name"] for tool in sent]
    assert "The weather somewhere." == sent[0]["function"]["description"]


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
