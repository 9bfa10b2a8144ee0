"""Calls of a client: the functions, and the options of one call."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from pydantic import BaseModel

import llmgate
from llmgate import Client
from llmgate._core.default import default_client
from llmgate.errors import (
    InvalidRequestError,
    OutputValidationError,
    OverloadedError,
    UnknownProviderError,
)
from llmgate.hooks import CallEnded
from llmgate.options import CallOptions
from llmgate.provider.http import Secret
from llmgate.testing import FakeProvider
from llmgate.types import Completion
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder, client_of
from tests.faults.server import COMPLETION, FaultServer, reply, stream
from tests.plain_provider import PlainProvider

ANSWER = reply(body=COMPLETION)


@pytest.fixture
def server() -> Iterator[FaultServer]:
    """A server that answers every call."""
    with FaultServer(ANSWER) as running:
        yield running


@pytest.fixture(autouse=True)
def _nothing_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "OPENAI_BASE_URL"):
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
    """They are notified beside the client's, of this call only."""
    always, once = Recorder(), Recorder()
    async with client_of(server, hooks=[always]) as client:
        await client.acompletion(MODEL, HI, hooks=[once])
        await client.acompletion(MODEL, HI)
    assert (1, 2) == (len(once.all(CallEnded)), len(always.all(CallEnded)))


async def test_two_clients_at_once() -> None:
    """Their keys, hooks and policies do not mix."""
    with FaultServer(reply(503)) as one, FaultServer(ANSWER) as other:
        hooks = Recorder(), Recorder()
        clients = [
            Client(
                providers={"openai": PlainProvider(api_key="sk-1", base_url=one.url)},
                hooks=[hooks[0]],
            ),
            client_of(other, hooks=[hooks[1]]),
        ]
        clients[0]._retry_policy = replace(AT_ONCE, max_retries=3)
        calls = [client.acompletion(MODEL, HI) for client in clients for _ in range(5)]
        results = await asyncio.gather(*calls, return_exceptions=True)
        for client in clients:
            await client.aclose()
    assert [OverloadedError] * 5 + [Completion] * 5 == [type(result) for result in results]
    assert (20, 5) == (len(one.requests), len(other.requests))
    assert {"Bearer sk-1"} == {seen.headers["authorization"] for seen in one.requests}
    assert {f"Bearer {KEY}"} == {seen.headers["authorization"] for seen in other.requests}
    assert (5, 5) == tuple(len(hook.all(CallEnded)) for hook in hooks)


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
