"""What hides credentials: by name in headers and addresses, by value in whatever repeats them."""

from __future__ import annotations

import asyncio
import base64
import pickle
import traceback
from typing import Any
from urllib.parse import quote

import pytest

from llmgate import Client, LLMGateError
from llmgate._text.redact import (
    HiddenHeaders,
    HiddenUrl,
    find_secrets,
    is_repeated,
    redact,
    redact_query,
    redact_url,
    split_query,
)
from llmgate.hooks import AttemptStarted, CallEnded, LoggingHook, as_dictionary
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, HttpRequest
from llmgate.testing import FakeProvider
from llmgate.types import Completion
from tests.faults.calls import HI, KEY, MODEL, Recorder, chain, client_of
from tests.faults.peer import Step
from tests.faults.server import (
    COMPLETION,
    STREAM_HEAD,
    FaultServer,
    hang,
    head,
    reply,
    reset,
    stream,
)
from tests.machine import wait_for
from tests.plain_provider import PlainProvider

ODD_KEY = "sk/odd+canary=0123&4567"
PASSWORD = "password-canary-1357"


def secrets_of(key: str, url: str = "https://host/v1") -> tuple[str, ...]:
    """What is secret of a request with this key."""
    return find_secrets({}, "https://host/v1", {"authorization": f"Bearer {key}"}, url)


def in_base64(text: str, then: str = "") -> str:
    """As a server could write it, alone or with more behind it."""
    return base64.b64encode(f"{text}{then}".encode()).decode()


@pytest.mark.parametrize(
    "echo",
    [
        ODD_KEY,
        f"<{ODD_KEY}>",
        quote(ODD_KEY, safe=""),
        in_base64(ODD_KEY),
        in_base64(ODD_KEY, ": and more"),
        f"Bearer {ODD_KEY[:18]}",
    ],
)
def test_each_form_of_a_key_is_found_and_hidden(echo: str) -> None:
    """As it is, percent-encoded, in base64, and cut off."""
    secrets = secrets_of(ODD_KEY)
    assert is_repeated(f"before {echo} after", secrets)
    hidden = redact({"a": [f"before {echo} after", echo.encode()]}, secrets)
    assert echo not in hidden["a"][0]
    assert echo.encode() not in hidden["a"][1]
    assert hidden["a"][0].startswith("before ")
    assert hidden["a"][0].endswith(" after")


def test_what_is_no_secret_is_left() -> None:
    """Nor is a copy made of what holds none."""
    assert PASSWORD not in redact_url(f"me:{PASSWORD}@host/v1?a")
    assert "{'authorization': '***'}" == repr(HiddenHeaders({"authorization": KEY}))
    value = {"Bearer": ["a", b"b", 5, None, 2.5, str]}
    assert value == redact(value, secrets_of(KEY))
    assert not is_repeated(f"Bearer\n{KEY[:12]}", secrets_of(KEY))


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pa/ss@host/v1", "https://***"),
        ("https://me:pa?ss@host/v1", "https://***"),
        ("https://me:pa#ss@host/v1", "https://host/v1"),
        ("https://host:8080/models/m@2?a=@", "https://host:8080/models/m@2"),
        ("https://host/models/m@2", "https://host/models/m@2"),
        ("https://[::1]:80/m@2", "https://[::1]:80/m@2"),
        ("https://[::1]/m@2", "https://[::1]/m@2"),
    ],
)
def test_a_password_that_is_not_encoded_is_not_shown(url: str, shown: str) -> None:
    """Though a parser takes the rest of it for a path or a query."""
    assert shown == redact_url(url)


def test_secrets_of_an_address() -> None:
    """What stands under a credential's name or was added, the password, and a user with it; a
    version is none."""
    url = f"https://me%40x:{PASSWORD}%21@host/v1?key=short-key-1&api-version=2024-10-21&x=was-added"
    secrets = find_secrets({}, "https://host/v1?model=anything-long", {}, url)
    for text in (f"{PASSWORD}!", f"{PASSWORD}%21", "short-key-1", "was-added"):
        assert text in secrets
    assert in_base64(f"me@x:{PASSWORD}!")[:24] in "".join(secrets)
    assert "2024-10-21" not in secrets
    assert () == find_secrets({}, "https://me@host/", {}, "https://me@host/")


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("https://host/v1", "https://host/v1"),
        ("https://me:pass@host/v1?key=abc&v=1", "https://host/v1?key=***&v=1"),
        ("https://host?sig=abc&code=x&design=1", "https://host?sig=***&code=***&design=1"),
        ("https://host?a&X-Amz-Signature=abc", "https://host?a&X-Amz-Signature=***"),
        ("https://host?api%5Fkey=abc", "https://host?api%5Fkey=***"),
    ],
)
def test_an_address_is_shown_without_credentials(url: str, expected: str) -> None:
    """What stands under other names is kept."""
    assert expected == redact_query(url)


@pytest.mark.parametrize(
    ("query", "plain", "private"),
    [
        ("", "", ""),
        ("v=1", "v=1", ""),
        ("key=abc&v=1&sig=&a&token=x", "v=1&a", "key=abc&sig=&token=x"),
    ],
)
def test_a_query_is_split(query: str, plain: str, private: str) -> None:
    """Into what may be shown and what may not."""
    assert (plain, private) == split_query(query)


def test_a_hidden_address_hides_itself() -> None:
    """From whatever prints or pickles it; it is itself in a table."""
    url = f"https://me:{PASSWORD}@host/v1?key={KEY}"
    hidden = HiddenUrl(url)
    assert "HiddenUrl('https://host/v1')" == repr(hidden) == str(hidden)
    assert {hidden: 1} == {HiddenUrl(url): 1}
    assert hidden != HiddenUrl("https://host")
    assert url == hidden.reveal()
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(hidden)


# --- a server that answers well, and repeats the key ----------------------------------------

ECHO = f"{KEY} {quote(ODD_KEY, safe='')} {in_base64(KEY)}"
HEADERS = {"x_request_id": KEY, "x_said": ECHO, "x_ratelimit_limit": "5"}


def echoing(text: str, *, streamed: bool) -> Step:
    """A good response that repeats the key in its headers and its text."""
    if streamed:
        how = {"content_type": "text/event-stream", "transfer_encoding": "chunked"}
        opening = head(200, **how, **HEADERS)
        return stream(text).replace(STREAM_HEAD, opening)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": text},
        "finish_reason": "stop",
    }
    return reply(200, {**COMPLETION, "choices": [choice]}, **HEADERS)


@pytest.mark.parametrize("streamed", [False, True])
@pytest.mark.parametrize("text", ["Hi", f"Your key is {KEY}"])
async def test_a_good_response_that_repeats_the_key(
    streamed: bool, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Its headers, events and logs do not; its text is the caller's, and stays as it is."""
    recorder = Recorder()
    with FaultServer(echoing(text, streamed=streamed)) as server, caplog.at_level("DEBUG"):
        hooks = [recorder, LoggingHook(bodies=True)]
        async with client_of(server, hooks=hooks) as client:
            answer: Any = await client.acompletion(MODEL, HI, stream=streamed)
            shown = [answer.headers, answer.request_id, answer.attempts, answer.rate_limit]
            answer = await answer.completion() if streamed else answer
    shown += [answer.headers, answer.request_id, answer.attempts, answer.exchange.headers]
    (end,) = recorder.all(CallEnded)
    shown += [end.completion.text, end.completion.raw, end.completion.exchange.headers]
    shown += [recorder.events, [as_dictionary(event) for event in recorder.events], caplog.text]
    for each in shown:
        for secret in (KEY, in_base64(KEY)):
            assert secret not in repr(each)
    assert text == answer.text
    assert streamed or text.encode() in answer.raw
    assert text.replace(KEY, "***") == end.completion.text
    assert {"x-ratelimit-limit": "5"} == answer.rate_limit


async def test_a_good_response_that_hides_the_key_behind_escapes() -> None:
    """A look at the body alone would not find it."""
    recorder = Recorder()
    body = reply(200, COMPLETION).replace(
        b'"Hi"', b'"' + KEY.replace("k", "\\u006b").encode() + b'"'
    )
    length = body.index(b"\r\n\r\n") + 4
    whole = reply(200, body[length:])
    with FaultServer(whole) as server:
        async with client_of(server, hooks=[recorder]) as client:
            answer = await client.acompletion(MODEL, HI)
    assert KEY == answer.text
    assert "***" == recorder.all(CallEnded)[0].completion.text


# --- addresses with a key or a password -----------------------------------------------------

FAILURES: dict[str, Step] = {
    "refused": reply(401, {"error": {"message": f"no {KEY} {PASSWORD}"}}),
    "reset": reset,
    "no answer": reply(200, {"said": KEY}),
    "late": hang,
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.parametrize("setting", ["base_url", "api_base"])
async def test_an_address_with_a_key_shows_nowhere(setting: str, name: str) -> None:
    """Neither in the frames of whatever is raised, nor in a pickle, nor in an event."""
    recorder = Recorder()
    with FaultServer(FAILURES[name]) as server:
        address = server.url.replace("//", f"//me:{PASSWORD}@") + f"?key={KEY}"
        async with Client(
            providers={"openai": PlainProvider}, hooks=[recorder], max_retries=0
        ) as client:
            options: dict[str, Any] = {
                setting: address,
                "api_key": "sk-another-key",
                "timeout": 0.5,
            }
            with pytest.raises(LLMGateError) as caught:
                await client.acompletion(MODEL, HI, **options)
            shown = [repr(vars(client)), repr(vars(client._registry))]
    if server.requests:
        assert f"key={KEY}" in server.requests[0].target
    for error in chain(caught.value):
        frames = traceback.TracebackException.from_exception(error, capture_locals=True).stack
        shown += [repr(frame.locals) for frame in frames if "/tests/" not in frame.filename]
        shown += [str(error), repr(vars(error)), repr(pickle.dumps(error))]
    shown += [repr(started.request.url) for started in recorder.all(AttemptStarted)]
    shown += [repr([as_dictionary(event) for event in recorder.events])]
    for text in shown:
        assert KEY not in text
        assert PASSWORD not in text


async def test_a_cancelled_call_shows_no_address() -> None:
    """A program may log what cancelled it, with the variables of all frames."""
    with FaultServer(hang) as server:
        options: dict[str, Any] = {
            "base_url": server.url.replace("//", f"//me:{PASSWORD}@") + f"?key={KEY}"
        }
        async with Client(providers={"openai": PlainProvider}) as client:
            task = asyncio.ensure_future(client.acompletion(MODEL, HI, stream=False, **options))
            assert await asyncio.to_thread(wait_for, lambda: bool(server.requests))
            task.cancel()
            with pytest.raises(asyncio.CancelledError) as caught:
                await task
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = [repr(frame.locals) for frame in frames if "/tests/" not in frame.filename]
    assert shown
    assert not [text for text in shown if KEY in text or PASSWORD in text]


async def test_an_address_that_a_provider_refuses() -> None:
    """Its own words may hold the address."""

    def make(base_url: str = "") -> PlainProvider:
        raise ValueError(f"cannot use {base_url}")

    options: dict[str, Any] = {"base_url": f"https://me:{PASSWORD}@host/v1?key={KEY}"}
    with pytest.raises(LLMGateError, match="cannot use https://host/v1") as caught:
        await Client(providers={"mine": make}).acompletion("mine/x", HI, **options)
    frames = traceback.TracebackException.from_exception(caught.value, capture_locals=True).stack
    shown = [repr(frame.locals) for frame in frames if "/tests/" not in frame.filename]
    assert not [text for text in (*shown, str(caught.value)) if KEY in text or PASSWORD in text]


def test_a_provider_is_not_pickled() -> None:
    """Its address may hold a key, and its key is one."""
    for provider in (PlainProvider(base_url=f"https://host/v1?key={KEY}"), FakeProvider(["Hi"])):
        with pytest.raises(TypeError, match="a provider is not pickled"):
            pickle.dumps(provider)


async def test_hooks_see_addresses_without_credentials() -> None:
    """Also of a provider that writes them into its requests itself."""

    class Careless(FakeProvider):
        def complete(self, call: ProviderCall) -> Flow[Completion]:
            flow = super().complete(call)
            request = next(flow)
            url = f"https://me:{PASSWORD}@host/v1?key={KEY}&v=1"
            response = yield HttpRequest("POST", url, request.headers, request.body)
            with pytest.raises(StopIteration) as stop:
                flow.send(response)
            completion: Completion = stop.value.value
            return completion

    recorder = Recorder()
    async with Client(providers={"fake": Careless(["Hi"])}, hooks=[recorder]) as client:
        await client.acompletion("fake/m", HI)
    assert "https://host/v1?key=***&v=1" == recorder.all(AttemptStarted)[0].request.url
