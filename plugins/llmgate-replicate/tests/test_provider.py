"""The flows step by step: which requests are sent, when, with which credentials."""

from __future__ import annotations

import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import (
    InvalidRequestError,
    MissingKeyError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.provider.http import HttpRequest, HttpResponse, decode_json, encode_json
from llmgate.testing.driving import call_of, drive
from llmgate.testing.signing import FixedSigning
from llmgate_replicate import Replicate
from llmgate_replicate.response.stream import EventDecoder, WholeDecoder

SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas.json").read_text())
API = "https://api.replicate.com/v1"
STREAM = "https://stream.replicate.com/v1/files/x"
HI = [{"role": "user", "content": "Hi"}]


def provider(**settings: Any) -> Replicate:
    schemas = {"acme/chat": SCHEMAS["openai"]}
    given: dict[str, Any] = {"api_key": "r8_test", "schemas": schemas, **settings}
    return Replicate(**given)


def prediction(status: str, **changes: Any) -> HttpResponse:
    made: dict[str, Any] = {"id": "p1", "model": "acme/chat", "status": status, "urls": {}}
    return HttpResponse(201, {}, encode_json({**made, **changes}))


def call(model: str = "acme/chat", **options: Any) -> Any:
    return call_of(provider(), {"model": model, "messages": HI, **options})


DONE = prediction("succeeded", output=["Hel", "lo"])


def test_a_prediction_that_is_over_at_once_takes_one_request() -> None:
    """The request that makes it waits a moment for its end, and is never repeated blindly."""
    driven = drive(provider().complete(call()), [DONE])
    (request,) = driven.requests
    assert ("POST", f"{API}/models/acme/chat/predictions") == (request.method, request.url)
    assert {"content-type": "application/json", "prefer": "wait=1"} == request.headers
    assert {"input": {"prompt": "Hi"}} == decode_json(request.body)
    assert not request.idempotent
    assert request.on_abandon is None
    assert "Hello" == driven.result.text


def test_a_prediction_is_asked_for_until_it_is_over() -> None:
    """The pauses grow to three seconds; whoever leaves meanwhile cancels the prediction."""
    waiting = [prediction("starting"), *[prediction("processing")] * 8, DONE]
    driven = drive(provider().complete(call()), waiting)
    polls = driven.requests[1:]
    assert {f"{API}/predictions/p1"} == {poll.url for poll in polls}
    assert [0.5, 0.75, 1.125, 1.6875] == [poll.delay for poll in polls[:4]]
    assert [3.0, 3.0] == [poll.delay for poll in polls[-2:]]
    cancel = HttpRequest("POST", f"{API}/predictions/p1/cancel")
    assert {cancel.url} == {poll.on_abandon.url for poll in polls if poll.on_abandon}
    assert all(poll.on_abandon == cancel and poll.idempotent for poll in polls)
    assert "Hello" == driven.result.text


def test_an_output_without_its_final_state_is_asked_for_soon() -> None:
    """Replies that waited come with all of the output just before the state says so."""
    early = prediction("processing", output=["Hel", "lo"])
    driven = drive(provider().complete(call()), [early, early, DONE])
    assert [0.0, 0.1, 0.5] == [request.delay for request in driven.requests]


def test_a_failed_prediction_is_an_error() -> None:
    """Whatever the HTTP status says."""
    with pytest.raises(ServerError, match="the prediction failed: Boom"):
        drive(provider().complete(call()), [prediction("failed", error="Boom")])


def test_a_community_model_runs_by_its_version_and_is_described_once() -> None:
    """The schema is read before the first prediction only."""
    version = "5c7d5dc6dd8bf75c1acaa8565735e7986bc5b66206b55cca93cb72c9bf15ccaa"
    described = {"latest_version": {"id": version, "openapi_schema": SCHEMAS["plain"]}}
    ours = provider()
    model = HttpResponse(200, {}, encode_json(described))
    first = drive(ours.complete(call("acme/tuned")), [model, DONE])
    second = drive(ours.complete(call("acme/tuned")), [DONE])
    assert [f"{API}/models/acme/tuned", f"{API}/predictions"] == [r.url for r in first.requests]
    assert [f"{API}/predictions"] == [r.url for r in second.requests]
    expected = {"version": version, "input": {"prompt": "Hi"}}
    assert expected == decode_json(second.requests[0].body)


def test_few_models_are_remembered() -> None:
    """A provider that sees many models does not grow with them."""
    ours = provider()
    model = HttpResponse(200, {}, encode_json({"is_official": True}))
    for number in range(70):
        drive(ours.complete(call(f"acme/m{number}")), [model, DONE])
    drive(ours.complete(call("acme/m69")), [DONE])
    assert 2 == len(drive(ours.complete(call("acme/m0")), [model, DONE]).requests)


def test_a_bare_version_is_run_with_the_prompt_alone() -> None:
    """Its schema is not to be had, so that other inputs are left out and reported."""
    asked = call("a" * 64, temperature=0.5)
    driven = drive(provider().complete(asked), [DONE])
    assert {"version": "a" * 64, "input": {"prompt": "Hi"}} == decode_json(driven.requests[0].body)
    assert "temperature" in asked.report


# --- streams ------------------------------------------------------------------------------


def test_a_stream_is_opened_where_the_prediction_says() -> None:
    """It is made without waiting; whoever leaves the stream cancels the prediction."""
    reply = prediction("starting", urls={"stream": STREAM})
    events = HttpResponse(200, {"content-type": "text/event-stream; charset=utf-8"})
    driven = drive(provider().stream(call(stream=True)), [reply, events])
    create, opened = driven.requests
    assert {"content-type": "application/json"} == create.headers
    assert not create.idempotent
    assert not create.stream
    assert ("GET", STREAM, True) == (opened.method, opened.url, opened.stream)
    assert {"accept": "text/event-stream", "cache-control": "no-store"} == opened.headers
    assert opened.on_abandon is not None
    assert f"{API}/predictions/p1/cancel" == opened.on_abandon.url
    assert isinstance(driven.result, EventDecoder)


@pytest.mark.parametrize(
    "urls", [{}, {"stream": None}, {"stream": 5}, {"stream": "file:///etc/passwd"}, [], None]
)
def test_a_model_without_a_stream_is_waited_for(urls: Any) -> None:
    """Its whole answer is one piece, which the report says."""
    asked = call(stream=True)
    replies = [prediction("starting", urls=urls), prediction("processing"), DONE, DONE]
    driven = drive(provider().stream(asked), replies)
    assert [False, False, False, True] == [request.stream for request in driven.requests]
    assert isinstance(driven.result, WholeDecoder)
    assert "stream" in asked.report


def test_an_address_that_has_expired_is_not_read() -> None:
    """What is no stream of events is left, and the prediction itself is asked for."""
    asked = call(stream=True)
    reply = prediction("starting", urls={"stream": STREAM})
    page = HttpResponse(200, {"content-type": "text/html"})
    driven = drive(provider().stream(asked), [reply, page, DONE, DONE])
    assert isinstance(driven.result, WholeDecoder)
    assert 4 == len(driven.requests)


def test_a_prediction_that_failed_at_once_is_not_streamed() -> None:
    """Its own reply says why."""
    reply = prediction("failed", error="Boom", urls={"stream": STREAM})
    driven = drive(provider().stream(call(stream=True)), [reply, reply])
    assert isinstance(driven.result, WholeDecoder)
    with pytest.raises(ServerError, match="Boom"):
        list(itertools.chain.from_iterable(map(driven.result.feed, _frames(reply))))


def _frames(reply: HttpResponse) -> Any:
    decoder = WholeDecoder(_no_reader(), model="m")
    decoder.framer.feed(reply.body)
    return decoder.framer.close()


def _no_reader() -> Any:
    return None


def test_tools_are_emulated_in_streams_too() -> None:
    """The decoder gives calls in place of the text that holds them."""
    tool = {"type": "function", "function": {"name": "find_weather"}}
    asked = call(stream=True, tools=[tool])
    reply = prediction("starting", urls={"stream": STREAM})
    decoder = drive(provider().stream(asked), [reply, HttpResponse(200)]).result
    assert not isinstance(decoder, EventDecoder)
    assert not decoder.finished
    with pytest.raises(StreamTruncatedError):
        list(decoder.close())


# --- settings -----------------------------------------------------------------------------


async def token(ours: Replicate, url: str) -> str | None:
    request = await ours.authorize(HttpRequest("GET", url), FixedSigning())
    return request.headers.get("Authorization")


@pytest.mark.parametrize(
    ("settings", "url", "is_sent"),
    [
        ({}, f"{API}/models/a/b", True),
        ({}, STREAM, True),
        ({}, "https://streaming-api.svc.rno2.c.replicate.net/v1/streams/x", True),
        ({}, "http://stream.replicate.com/v1/files/x", False),
        ({}, f"{API}/models/a/b".replace("https:", "http:"), False),
        ({}, "https://api.replicate.com:port/", False),
        ({}, "https://evil.example/replicate.com", False),
        ({}, "https://evilreplicate.com/", False),
        ({"base_url": "http://127.0.0.1:8000"}, "http://127.0.0.1:8000/stream", True),
        ({"base_url": "http://127.0.0.1:8000"}, "http://127.0.0.1:9000/stream", False),
        ({"base_url": "http://127.0.0.1:8000"}, STREAM, False),
    ],
)
async def test_the_token_goes_to_replicate_only(
    settings: dict[str, Any], url: str, is_sent: bool
) -> None:
    """Streams are on other hosts than the API; an address in a reply leads the token nowhere."""
    sent = await token(provider(**settings), url)
    assert ("Bearer r8_test" if is_sent else None) == sent


async def test_the_token_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """Both names are known, and neither is sent to an address that is given in code."""
    with pytest.raises(MissingKeyError, match="REPLICATE_API_TOKEN"):
        await token(Replicate(), API)
    monkeypatch.setenv("REPLICATE_API_KEY", "r8_other")
    assert "Bearer r8_other" == await token(Replicate(), API)
    monkeypatch.setenv("REPLICATE_API_TOKEN", " r8_token\n")
    assert "Bearer r8_token" == await token(Replicate(), API)
    assert await token(Replicate(base_url="http://proxy.example"), "http://proxy.example/x") is None
    moved = Replicate().configured(base_url="http://proxy.example")
    assert await token(moved, "http://proxy.example/x") is None
    monkeypatch.setenv("REPLICATE_BASE_URL", "http://proxy.example/v1/")
    assert "Bearer r8_token" == await token(Replicate(), "http://proxy.example/v1/models/a/b")
    named = Replicate(base_url="http://proxy.example")
    assert "Bearer r8_token" == await token(named, "http://proxy.example/x")


async def test_settings_may_be_changed_for_a_call() -> None:
    """What is not named stays as it was."""
    ours = provider()
    other = ours.configured(api_key="r8_other", base_url="https://api.replicate.com/v1/")
    assert "Bearer r8_other" == await token(other, API)
    assert "Bearer r8_test" == await token(ours, API)


def test_settings_that_are_not_changed_hold() -> None:
    """How long to wait, how often to ask, and how long a prediction may live."""
    ours = provider(wait=0, cancel_after="5m", poll_interval=0.1)
    other = ours.configured(base_url="https://api.replicate.com/v1/")
    driven = drive(other.complete(call()), [prediction("starting"), DONE])
    create, poll = driven.requests
    assert {"content-type": "application/json", "cancel-after": "5m"} == create.headers
    assert 0.1 == poll.delay
    assert f"{API}/models/acme/chat/predictions" == create.url


def test_the_poll_interval_is_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """As Replicate's own client does."""
    monkeypatch.setenv("REPLICATE_POLL_INTERVAL", "7")
    driven = drive(provider().complete(call()), [prediction("starting"), DONE])
    assert 7.0 == driven.requests[1].delay


@pytest.mark.parametrize(
    ("settings", "path"),
    [
        ({"base_url": "ftp://x"}, "base_url"),
        ({"base_url": "api.replicate.com"}, "base_url"),
        ({"base_url": "https://x\n"[:-1] + "\x00"}, "base_url"),
        ({"wait": 61}, "wait"),
        ({"wait": True}, "wait"),
        ({"wait": 0.5}, "wait"),
        ({"poll_interval": -1}, "poll_interval"),
        ({"poll_interval": float("nan")}, "poll_interval"),
        ({"poll_interval": 10**400}, "poll_interval"),
        ({"poll_interval": "soon"}, "poll_interval"),
        ({"api_key": ""}, "api_key"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], path: str) -> None:
    """Each is named."""
    with pytest.raises(InvalidRequestError) as caught:
        provider(**settings)
    assert path == caught.value.path


def test_ids_cannot_lead_elsewhere() -> None:
    """An id of a reply is quoted where it stands in an address."""
    reply = prediction("starting", id="../../models/x?y=1")
    driven = drive(provider().complete(call()), [reply, DONE])
    assert f"{API}/predictions/..%2F..%2Fmodels%2Fx%3Fy%3D1" == driven.requests[1].url


def test_shows_its_address_and_no_key() -> None:
    """The repr is safe to log."""
    assert "Replicate(base_url='https://api.replicate.com')" == repr(provider())
