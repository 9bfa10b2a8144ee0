"""The seams below a call: its labels, headers of the client, a transport of one's own."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextvars import ContextVar
from dataclasses import replace
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError, OverloadedError, RequestError
from llmgate.hooks import AttemptStarted, CallEnded, as_dictionary
from llmgate.options import Timeout
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest, IncomingResponse
from llmgate.testing import Canned, CannedTransport, FakeProvider
from llmgate.types import Completion
from tests.faults.calls import Recorder
from tests.plain_provider import PlainProvider

HI: list[Any] = [{"role": "user", "content": "Hi"}]
ANSWER = Canned(body=b'{"choices": [{"message": {"content": "Hi", "role": "assistant"}}]}')
STREAM = Canned(
    headers={"content-type": "text/event-stream"},
    body=b'data: {"choices": [{"index": 0, "delta": {"content": "Hi"}}]}\n\ndata: [DONE]\n\n',
)
BUSY = Canned(503, {"retry-after": "0"}, b'{"error": {"message": "busy"}}')


def client_of(transport: Any, **settings: Any) -> Client:
    """A client of PlainProvider whose requests go there."""
    return Client(providers={"openai": PlainProvider(api_key="k")}, transport=transport, **settings)


# --- transport ---


async def test_every_request_goes_over_the_transport_that_a_client_is_given() -> None:
    """No connection is opened for it; it is closed with the client."""
    transport = CannedTransport([ANSWER, STREAM])
    client = client_of(transport)
    assert "Hi" == (await client.acompletion("openai/m", HI)).text
    stream = await client.acompletion("openai/m", HI, stream=True)
    assert "Hi" == (await stream.completion()).text
    urls = {request.url for request in transport.requests}
    assert {"https://api.openai.com/v1/chat/completions"} == urls
    assert 0 == transport.still_open


class Counted(CannedTransport):
    """It counts how often it was closed, and looks empty."""

    count = 0

    async def aclose(self) -> None:
        self.count += 1

    def __len__(self) -> int:
        return 0


async def test_a_client_closes_its_transport() -> None:
    """Also one that looks empty is used, and closed."""
    transport = Counted([ANSWER])
    async with client_of(transport) as client:
        await client.acompletion("openai/m", HI)
        assert 0 == transport.count
    assert 1 == transport.count


async def test_a_provider_s_own_transport_comes_before_the_client_s() -> None:
    """A model that runs in this process has no use for HTTP."""
    transport, fake = CannedTransport(), FakeProvider(["Hi"])
    async with Client(providers={"fake": fake}, transport=transport) as client:
        assert "Hi" == (await client.acompletion("fake/m", HI)).text
    assert [] == transport.requests


class Own:
    """The least that a transport has."""

    def __init__(self, below: CannedTransport) -> None:
        self.below = below

    async def open(self, request: HttpRequest, timeout: Timeout) -> IncomingResponse:
        return await self.below.open(replace(request, headers={}), timeout)

    async def aclose(self) -> None: ...


async def test_a_transport_of_one_s_own() -> None:
    """Whatever fulfils the protocol will do, such as one around another."""
    below = CannedTransport([ANSWER])
    async with client_of(Own(below)) as client:
        await client.acompletion("openai/m", HI)
    assert {} == below.requests[0].headers


@pytest.mark.parametrize("transport", [5, CannedTransport, object()], ids=["5", "a class", "other"])
def test_what_is_no_transport_is_refused(transport: Any) -> None:
    """Where it is given, not by the first call."""
    with pytest.raises(InvalidRequestError, match="is not a transport") as caught:
        client_of(transport)
    assert "transport" == caught.value.path


def test_a_transport_comes_without_settings_of_connections() -> None:
    """They would have no effect, which nobody would notice."""
    with pytest.raises(InvalidRequestError, match="for a client's own connections"):
        client_of(CannedTransport(), proxy="http://proxy.invalid")


# --- headers ---

current: ContextVar[str] = ContextVar("current", default="")


async def test_headers_of_the_client_are_asked_for_on_each_attempt() -> None:
    """On the task of the call, so that a tracer knows its span; a retry is another attempt."""
    started = list[AttemptStarted]()
    tasks = set[object]()

    def headers(event: AttemptStarted) -> Mapping[str, str]:
        started.append(event)
        tasks.add(asyncio.current_task())
        return {"traceparent": f"{current.get()}-{event.number}"}

    transport = CannedTransport([BUSY, ANSWER])
    async with client_of(transport, headers=headers) as client:
        current.set("span")
        await client.acompletion("openai/m", HI, labels={"team": "a"})
    sent = [request.headers["traceparent"] for request in transport.requests]
    assert ["span-1", "span-2"] == sent
    assert {asyncio.current_task()} == tasks
    assert [1, 2] == [event.number for event in started]
    assert [{"team": "a"}] * 2 == [event.labels for event in started]


async def test_headers_of_the_client_may_be_the_same_for_all() -> None:
    """What a call gives itself goes before them, and they before the provider's own."""
    transport, recorder = CannedTransport([ANSWER, ANSWER]), Recorder()
    headers = {"X-Team": "a", "Authorization": "gateway", "x-secret": "canary-1"}
    async with client_of(transport, headers=headers, hooks=[recorder]) as client:
        await client.acompletion("openai/m", HI)
        await client.acompletion("openai/m", HI, extra_headers={"x-team": "b"})
        shown = client.preview("openai/m", HI)
    names = [{name.lower(): text for name, text in r.headers.items()} for r in transport.requests]
    assert ["a", "b"] == [found["x-team"] for found in names]
    assert ["gateway", "gateway"] == [found["authorization"] for found in names]
    assert "***" == dict(shown.headers)["x-secret"]
    seen = [event.request.headers for event in recorder.all(AttemptStarted)]
    assert ["***", "***"] == [found["x-secret"] for found in seen]
    assert "canary" not in f"{vars(client)}"


class Polled(FakeProvider):
    """A provider that is to be told when nobody waits any more."""

    name = "polled"

    def complete(self, call: ProviderCall) -> Flow[Completion]:
        cancelling = HttpRequest("POST", "https://fake.invalid/cancel")
        yield HttpRequest("POST", "https://fake.invalid", on_abandon=cancelling)
        raise AssertionError


async def test_also_the_request_that_abandons_a_call_has_them() -> None:
    """A gateway between wants to know whose it is."""
    provider = Polled([Canned(hang=True), Canned()])
    async with Client(providers={"polled": provider}, headers={"x-team": "a"}) as client:
        call = asyncio.ensure_future(client.acompletion("polled/m", HI))
        await asyncio.sleep(0.05)
        call.cancel()
        await asyncio.wait([call])
    sent = [(request.url, request.headers) for request in provider.transport.requests]
    assert ["https://fake.invalid", "https://fake.invalid/cancel"] == [url for url, _ in sent]
    assert ["a", "a"] == [headers["x-team"] for _, headers in sent]


def fail(_: AttemptStarted) -> Mapping[str, str]:
    """Somebody's mistake."""
    raise KeyError("x")


def misspelt(_: AttemptStarted) -> Mapping[str, str]:
    """A name that is none."""
    return {"a b": "c"}


def nothing(_: AttemptStarted) -> Any:
    """A forgotten ``return``."""


WRONG: list[tuple[Any, str]] = [
    (fail, r"the client's headers could not be made \(KeyError in .*test_seams.py"),
    (misspelt, r"headers\.'a b'"),
    (nothing, "headers: expected a dictionary, got NoneType"),
]


@pytest.mark.parametrize(("headers", "message"), WRONG)
async def test_headers_that_cannot_be_made_fail_the_call(headers: Any, message: str) -> None:
    """Nothing is sent without them."""
    transport = CannedTransport([ANSWER])
    async with client_of(transport, headers=headers) as client:
        with pytest.raises(RequestError, match=message):
            await client.acompletion("openai/m", HI)
    assert [] == transport.requests


async def coroutine(_: AttemptStarted) -> Mapping[str, str]:
    """It would never be awaited."""
    return {}


@pytest.mark.parametrize(
    "headers", [coroutine, 5, {"a b": "c"}, {"a": 5}], ids=["coroutine", "number", "name", "value"]
)
def test_what_gives_no_headers_is_refused(headers: Any) -> None:
    """Where it is given, as far as that can be seen."""
    with pytest.raises(InvalidRequestError, match=r"^headers"):
        Client(headers=headers)


# --- labels ---


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
async def test_labels_are_in_every_event_and_in_no_request(stream: bool) -> None:
    """They are the caller's own words for a call."""
    recorder, labels = Recorder(), dict[str, Any](canary="tenant-7", priority=3)
    transport = CannedTransport([BUSY, STREAM if stream else ANSWER])
    async with client_of(transport, hooks=[recorder]) as client:
        called = await client.acompletion("openai/m", HI, stream=stream, labels=labels)
        if not isinstance(called, Completion):
            await called.completion()
    expected = ["CallStarted", "AttemptStarted", "AttemptEnded", "RetryScheduled"]
    expected += ["AttemptStarted", "AttemptEnded", *["FirstToken"] * stream, "CallEnded"]
    assert expected == recorder.names
    assert [labels] * len(expected) == [event.labels for event in recorder.events]
    assert [] == [r for r in transport.requests if b"canary" in r.body or "canary" in str(r)]


async def test_labels_in_what_is_logged() -> None:
    """As a dictionary of their own; without labels there is none."""
    recorder = Recorder()
    async with Client(providers={"fake": FakeProvider(["a", "b"])}, hooks=[recorder]) as client:
        await client.acompletion("fake/m", HI, labels={"a": 1})
        await client.acompletion("fake/m", HI)
    first, second = map(as_dictionary, recorder.all(CallEnded))
    assert {"a": 1} == first["labels"]
    assert "labels" not in second


async def test_labels_of_a_failed_call() -> None:
    """An event of a failure has them as well."""
    recorder = Recorder()
    provider = FakeProvider([OverloadedError("busy", status=503)])
    async with Client(providers={"fake": provider}, hooks=[recorder], max_retries=0) as client:
        with pytest.raises(OverloadedError):
            await client.acompletion("fake/m", HI, labels={"a": "b"})
    assert [{"a": "b"}] == [event.labels for event in recorder.all(CallEnded)]


@pytest.mark.parametrize("labels", [5, {"a": None}, {1: "a"}, {"a": ["b"]}], ids=repr)
async def test_labels_are_texts_and_numbers(labels: Any) -> None:
    """Whatever counts or stores them needs to know what to expect."""
    async with Client(providers={"fake": FakeProvider()}) as client:
        with pytest.raises(InvalidRequestError, match=r"^labels"):
            await client.acompletion("fake/m", HI, labels=labels)
