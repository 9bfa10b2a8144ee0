"""Every option of a call, through a client: what it does, and how a wrong one is refused."""

from __future__ import annotations

import dataclasses
import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

import llmgate
from llmgate import Client, Completion, RetryPolicy, Stream, Timeout
from llmgate._client import default_client
from llmgate.errors import (
    ClosedError,
    InvalidRequestError,
    LLMGateError,
    MissingKeyError,
    UnknownProviderError,
    UnsupportedError,
)
from llmgate.hooks import CallEnded
from llmgate.options import Call, ChatParameters
from llmgate.provider import Decoder, Provider, Support
from llmgate.testing import Canned, CannedTransport, FakeProvider, with_transport
from llmgate.types import Chunk, ToolCall
from llmgate.wire import Flow, HttpRequest, Secret
from llmgate_openai import OpenAI
from tests.faults.calls import HI, KEY, MODEL, Recorder
from tests.faults.server import COMPLETION, FaultServer, reply, stream

FUNCTION: Any = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
CALLED = {
    "choices": [
        {
            "message": {
                "role": "assistant",
                "content": None,
                "tool_calls": [
                    {
                        "id": "c1",
                        "type": "function",
                        "function": {"name": "weather", "arguments": "{}"},
                    }
                ],
            },
            "finish_reason": "tool_calls",
        }
    ]
}


def canned(payload: Any = COMPLETION) -> CannedTransport:
    return CannedTransport(lambda _: Canned(200, {}, json.dumps(payload).encode()))


def client_with(transport: CannedTransport, **settings: Any) -> Client:
    provider = with_transport(OpenAI(api_key=KEY), transport)
    return Client(providers={"openai": provider}, **settings)


async def sent(**options: Any) -> tuple[HttpRequest, dict[str, Any]]:
    """The request of a call with these options, and its body."""
    transport = canned()
    async with client_with(transport) as client:
        await client.acompletion(MODEL, HI, stream=False, **options)
    [request] = transport.requests
    return request, json.loads(request.body)


# --- what options do ------------------------------------------------------------------------


async def test_none_means_not_given() -> None:
    """Each option may be None, as if it had been left out."""
    names = {*ChatParameters.__annotations__, "api_key", "timeout", "extra_body", "hooks"}
    _, body = await sent(**dict.fromkeys(names))
    assert {"model", "messages"} == set(body)


async def test_extra_headers_are_sent() -> None:
    """They are sent beside the provider's own."""
    request, _ = await sent(extra_headers={"x-team": "7"})
    assert "7" == request.headers["x-team"]


async def test_extra_body_is_merged_last() -> None:
    """A provider's own arguments go in as they are, and win."""
    _, body = await sent(temperature=0.5, extra_body={"temperature": 1, "top_k": 5})
    assert (1, 5) == (body["temperature"], body["top_k"])


@pytest.mark.parametrize("name", ["base_url", "api_base"])
async def test_an_address_holds_for_one_call(name: str) -> None:
    """The address of a call, under either name, is that call's alone."""
    with FaultServer(reply(200, COMPLETION)) as server:
        async with Client(providers={"openai": OpenAI}) as client:
            options: dict[str, Any] = {name: server.url, "api_key": f" {KEY}\n"}
            answer = await client.acompletion(MODEL, HI, stream=False, **options)
    assert "Hi" == answer.text
    assert f"Bearer {KEY}" == server.requests[0].headers["authorization"]


async def test_a_key_may_be_a_secret() -> None:
    """A Secret is taken as it is."""
    with FaultServer(reply(200, COMPLETION)) as server:
        async with Client(providers={"openai": OpenAI}) as client:
            await client.acompletion(MODEL, HI, base_url=server.url, api_key=Secret(KEY))
    assert f"Bearer {KEY}" == server.requests[0].headers["authorization"]


async def test_a_provider_is_chosen_by_its_name_as_a_switch() -> None:
    """``<provider>=True`` sends the model there, ``False`` changes nothing."""
    providers = {"one": FakeProvider(["first"]), "two": FakeProvider(["second"])}
    async with Client(providers=providers) as client:
        chosen = await client.acompletion(
            "one/m", HI, stream=False, **_options(two=True, one=False)
        )
    assert "second" == chosen.text


def _options(**options: Any) -> dict[str, Any]:
    return options


async def test_a_switch_for_a_provider_that_could_be_installed_names_its_package(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A provider that llmgate offers and that is not here is named with what to install."""
    monkeypatch.setattr("llmgate._registry.installed_providers", dict)
    with pytest.raises(UnknownProviderError, match="pip install"):
        await Client().acompletion("gpt-4o", HI, **_options(azure=True))


async def test_python_functions_are_tools() -> None:
    """A callable among the tools is sent as the tool that it describes."""

    def weather(city: str) -> str:
        """Of a city."""
        return city

    _, body = await sent(tools=[weather])
    assert "weather" == body["tools"][0]["function"]["name"]
    assert "Of a city." == body["tools"][0]["function"]["description"]


async def test_a_type_is_a_response_format() -> None:
    """A dataclass, or a pydantic model, stands for its schema."""

    @dataclasses.dataclass
    class City:
        name: str

    _, body = await sent(response_format=City)
    assert "City" == body["response_format"]["json_schema"]["name"]


async def test_legacy_functions_are_answered_in_their_own_form() -> None:
    """A provider that has tools only is asked for tools, and its answer told as a function call."""
    transport = canned(CALLED)
    provider = with_transport(OpenAI(base_url="http://127.0.0.1:1/v1"), transport)
    async with Client(providers={"openai": provider}) as client:
        answer = await client.acompletion(MODEL, HI, functions=[FUNCTION], function_call="auto")
    body = json.loads(transport.requests[0].body)
    assert ("weather", "auto") == (body["tools"][0]["function"]["name"], body["tool_choice"])
    message = answer.choices[0].message
    assert ("function_call", None) == (answer.choices[0].finish_reason, message.tool_calls)
    assert message.function_call is not None
    assert "weather" == message.function_call.name
    assert {"functions", "function_call"} <= {deviation.path for deviation in answer.report}


async def test_legacy_functions_are_streamed_in_their_own_form() -> None:
    """A stream's chunks speak of function calls too."""
    fake = FakeProvider([ToolCall("c1", llmgate.types.Function("weather"))])
    async with Client(providers={"fake": fake}) as client:
        opened = await client.acompletion("fake/m", HI, stream=True, functions=[FUNCTION])
        whole = await opened.completion()
    assert whole.choices[0].message.function_call is not None


class Plain(Provider):
    """A provider that declares hardly anything."""

    name = "plain"
    parameters = {"temperature": Support.NATIVE}  # noqa: RUF012 - it is not changed

    def complete(self, call: Call) -> Flow[Completion]:
        yield HttpRequest("POST", "https://example.com", body=json.dumps(call.parameters).encode())
        return Completion.model_validate(COMPLETION)

    def stream(self, call: Call) -> Flow[Decoder]:
        raise NotImplementedError
        yield


async def plain_call(**options: Any) -> Completion:
    provider = with_transport(Plain(), canned())
    async with Client(providers={"plain": provider}) as client:
        answer: Completion = await client.acompletion("plain/m", HI, stream=False, **options)
        return answer


async def test_a_knob_that_a_provider_lacks_is_dropped_and_reported(
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The report says so, and one line of the log."""
    with caplog.at_level(logging.WARNING, "llmgate"):
        answer = await plain_call(seed=1, temperature=0.5, n=1)
    assert [("dropped", "seed")] == [(d.kind, d.path) for d in answer.report]
    assert 1 == len(caplog.records)


async def test_one_answer_is_what_everybody_gives() -> None:
    """n=1 changes nothing, and so is neither reported nor refused."""
    assert [] == list((await plain_call(n=1, unsupported="raise")).report)


@pytest.mark.parametrize(
    "options", [{"tools": [{"type": "function", "function": FUNCTION}]}, {"n": 2}]
)
async def test_what_would_change_the_meaning_is_refused(options: dict[str, Any]) -> None:
    """Without it the answer would be another answer."""
    with pytest.raises(UnsupportedError) as caught:
        await plain_call(**options)
    assert next(iter(options)) == caught.value.parameter


async def test_dropping_can_be_refused() -> None:
    """By the call, or by the client."""
    with pytest.raises(UnsupportedError):
        await plain_call(seed=1, unsupported="raise")
    async with Client(providers={"plain": Plain()}, unsupported="raise") as client:
        with pytest.raises(UnsupportedError):
            await client.acompletion("plain/m", HI, seed=1)


# --- hooks ----------------------------------------------------------------------------------


async def test_logger_fn_is_handed_request_and_reply() -> None:
    """One dictionary an event: the request as it will be sent, the reply."""
    told: list[dict[str, Any]] = []
    transport = canned()
    async with client_with(transport) as client:
        await client.acompletion(MODEL, HI, logger_fn=told.append)
        client._dispatcher.flush(5)
    assert ["call", "request", "attempt", "reply"] == [event["event"] for event in told]
    assert json.loads(told[1]["body"])["messages"] == HI
    assert "Hi" == told[3]["completion"]["choices"][0]["message"]["content"]
    assert KEY not in repr(told)


async def test_logger_fn_is_handed_the_failure() -> None:
    """A failure is told too."""
    told: list[dict[str, Any]] = []
    transport = CannedTransport([Canned(400, {}, b"no")])
    async with client_with(transport) as client:
        with pytest.raises(LLMGateError):
            await client.acompletion(MODEL, HI, logger_fn=told.append)
        client._dispatcher.flush(5)
    assert "failure" == told[-1]["event"]


async def test_verbose_writes_to_standard_error(capfd: pytest.CaptureFixture[str]) -> None:
    """This call's log is on standard error, and nothing is on standard output."""
    async with client_with(canned()) as client:
        await client.acompletion(MODEL, HI, verbose=True)
        client._dispatcher.flush(5)
    out, err = capfd.readouterr()
    assert "" == out
    assert "llmgate: request" in err
    assert KEY not in err


async def test_hooks_of_client_and_call_are_both_called() -> None:
    """And a call's own hooks are that call's alone."""
    ours, theirs = Recorder(), Recorder()
    async with client_with(canned(), hooks=[ours]) as client:
        await client.acompletion(MODEL, HI, hooks=[theirs])
        await client.acompletion(MODEL, HI)
    assert (2, 1) == (len(ours.all(CallEnded)), len(theirs.all(CallEnded)))


async def test_quick_hooks_have_been_called_when_a_call_returns() -> None:
    """Nobody has to wait for them."""
    recorder = Recorder()
    async with client_with(canned()) as client:
        await client.acompletion(MODEL, HI, hooks=[recorder])
        assert "CallEnded" == recorder.names[-1]


# --- what is refused ------------------------------------------------------------------------

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "a misspelt argument": ({"temprature": 1}, "temprature"),
    "a switch that is off for nobody": ({"nobody": False}, "nobody"),
    "both names of an address": ({"base_url": "http://a", "api_base": "http://a"}, "api_base"),
    "two timeouts": ({"timeout": 1, "force_timeout": 1}, "force_timeout"),
    "the other spelling": ({"forceTimeout": 0}, "timeout"),
    "a timeout of zero": ({"timeout": 0}, "timeout"),
    "an endless timeout": ({"timeout": float("nan")}, "timeout"),
    "retries below zero": ({"max_retries": -1}, "max_retries"),
    "retries that are true": ({"max_retries": True}, "max_retries"),
    "an address that is a number": ({"base_url": 5}, "base_url"),
    "an address that is none": ({"base_url": "ftp://a"}, "base_url"),
    "an empty key": ({"api_key": " "}, "api_key"),
    "a key with a line end": ({"api_key": "a\nb"}, "api_key"),
    "a key that is a number": ({"api_key": 5}, "api_key"),
    "headers that are a list": ({"extra_headers": ["a"]}, "extra_headers"),
    "a body that is a list": ({"extra_body": ["a"]}, "extra_body"),
    "a body that is no JSON": ({"extra_body": {"a": {1}}}, "extra_body.a"),
    "a policy that is none": ({"unsupported": "ignore"}, "unsupported"),
    "hooks that are one": ({"hooks": 5}, "hooks"),
    "a hook that cannot be called": ({"hooks": [5]}, "hooks"),
    "a logger that cannot be called": ({"logger_fn": 5}, "logger_fn"),
    "options of a stream": ({"stream_options": {"include_usage": True}}, "stream_options"),
    "a setting that there is not": ({"api_version": "1"}, "api_version"),
}


@pytest.mark.parametrize(("options", "path"), WRONG.values(), ids=WRONG)
async def test_a_wrong_argument_is_refused_by_name(options: dict[str, Any], path: str) -> None:
    """Before anything is sent."""
    transport = canned()
    provider: Callable[..., Provider] = OpenAI
    given: dict[str, Any] = {"api_key": KEY, **options}
    async with Client(providers={"openai": provider}) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion(MODEL, HI, stream=False, **given)
    assert path == caught.value.path
    assert [] == transport.requests


@pytest.mark.parametrize("name", ["a b", "connection", "x\r\ny", ""])
async def test_a_wrong_header_is_refused(name: str) -> None:
    """A header's name cannot smuggle in another header, nor frame the request."""
    async with client_with(canned()) as client:
        with pytest.raises(InvalidRequestError) as caught:
            await client.acompletion(MODEL, HI, extra_headers={name: "value-of-it"})
    assert caught.value.path.startswith("extra_headers.")
    assert "value-of-it" not in str(caught.value)


async def test_a_missing_key_is_looked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who sets the variable after the first failure does not have to start anew."""
    monkeypatch.delenv("OPENAI_API_KEY", raising=False)
    made: list[bool] = []

    def make() -> Provider:
        provider = OpenAI()
        made.append(provider._key is not None)
        return with_transport(provider, canned())

    async with Client(providers={"openai": make}) as client:
        with pytest.raises(MissingKeyError, match="OPENAI_API_KEY"):
            await client.acompletion(MODEL, HI)
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        await client.acompletion(MODEL, HI)
    assert [False, True] == made


async def test_a_closed_client_says_so() -> None:
    """It is used up."""
    client = client_with(canned())
    await client.aclose()
    with pytest.raises(ClosedError):
        await client.acompletion(MODEL, HI)


async def test_a_clients_own_settings_are_checked() -> None:
    """When it is made, not when it is first used."""
    wrong: list[dict[str, Any]] = [{"timeout": -1}, {"max_retries": -1}, {"unsupported": "x"}]
    wrong.append({"hooks": [5]})
    for settings in wrong:
        with pytest.raises(InvalidRequestError):
            Client(**settings)
    policy = RetryPolicy(max_retries=7)
    assert 3 == Client(retry=policy, max_retries=3)._policy.max_retries
    assert Timeout(total=1) == Client(timeout=Timeout(total=1))._timeout


# --- the module's functions -----------------------------------------------------------------


async def test_the_modules_functions_share_a_client() -> None:
    """One client with the default settings, for the process."""
    with FaultServer(reply(200, COMPLETION), stream("H", "i")) as server:
        options: dict[str, Any] = {"base_url": server.url, "api_key": KEY}
        whole = await llmgate.acompletion(MODEL, HI, stream=False, **options)
        opened = await llmgate.acompletion(MODEL, HI, stream=True, **options)
        assert isinstance(opened, Stream)
        assert whole.text == (await opened.completion()).text
    assert default_client() is default_client()


async def test_chunks_without_a_choice_come_only_when_asked_for() -> None:
    """The usage is always known at the end; its chunk is for those who asked for it."""
    for options, expected in (({}, 0), ({"stream_options": {"include_usage": True}}, 1)):
        with FaultServer(stream("Hi")) as server:
            async with Client(providers={"openai": OpenAI(api_key=KEY, base_url=server.url)}) as c:
                asked: dict[str, Any] = dict(options)
                opened = await c.acompletion(MODEL, HI, stream=True, **asked)
                chunks: list[Chunk] = [chunk async for chunk in opened]
        assert expected == len([chunk for chunk in chunks if not chunk.choices])
        assert opened.usage is not None
        assert 3 == opened.usage.total_tokens
