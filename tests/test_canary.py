"""A key is nowhere where somebody could see it, whatever goes wrong."""

from __future__ import annotations

import gc
import logging
import pickle
import traceback
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate import Client, LLMGateError
from llmgate._core.prepare import hide_credentials
from llmgate.errors import AuthenticationError, RateLimitError
from llmgate.hooks import as_dictionary
from llmgate.provider.http import Secret
from llmgate_openai import OpenAI
from tests.faults.calls import HI, KEY, MODEL, Recorder, chain, client_of
from tests.faults.server import COMPLETION, FaultServer, Step, close, event, reply, reset, stream

REPEATED = {"error": {"message": f"wrong key {KEY} (Bearer {KEY})", "code": "invalid_api_key"}}

FAILURES: dict[str, tuple[Step, bool]] = {  # what fails, and whether it is streamed
    "a body that repeats the key": (reply(401, REPEATED), False),
    "plain text that repeats it": (reply(500, f"<html>Bearer {KEY}</html>".encode()), False),
    "no JSON": (reply(200, f"not JSON but {KEY}".encode()), False),
    "an error in a stream": (
        stream("a", end=event({"error": {"message": KEY, "code": "rate_limit_exceeded"}})),
        True,
    ),
    "a broken event": (stream("a", end=event(f"no JSON {KEY}")), True),
    "a cut stream": (stream("a", end=b""), True),
    "a closed connection": (close, False),
    "a reset connection": (reset, False),
    "a redirect": (reply(307, location=f"http://example.com/?key={KEY}"), False),
}


async def failure_of(client: Client, *, streamed: bool, **options: Any) -> LLMGateError:
    try:
        if streamed:
            opened = await client.acompletion(MODEL, HI, stream=True, **options)
            await opened.completion()
        else:
            await client.acompletion(MODEL, HI, stream=False, **options)
    except LLMGateError as error:
        return error
    raise AssertionError("nothing was raised")


def shown_of(error: BaseException) -> Iterator[str]:
    """All that an error report, a log or a debugger's look would show of an error."""
    for each in chain(error):
        yield from (str(each), repr(each), repr(vars(each)), repr(each.args))
        frames = traceback.TracebackException.from_exception(each, capture_locals=True)
        for frame in frames.stack:
            if "/tests/" not in frame.filename:  # a test's own frames know the key
                yield repr(frame.locals)
    yield repr(pickle.dumps(error))


@pytest.mark.parametrize(("step", "streamed"), FAILURES.values(), ids=FAILURES)
async def test_no_failure_shows_the_key(
    step: Step, streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """Not its text, its attributes, its traceback with locals, its pickle, an event, or a log."""
    recorder, told = Recorder(), list[dict[str, Any]]()
    with FaultServer(step) as server, caplog.at_level(logging.DEBUG):
        client = client_of(server, hooks=[recorder])
        error = await failure_of(client, streamed=streamed, logger_fn=told.append)
        await client.aclose()
    for text in shown_of(error):
        assert KEY not in text
    for seen in (recorder.events, list(map(as_dictionary, recorder.events)), told):
        assert KEY not in repr(seen)
    assert KEY not in caplog.text


@pytest.mark.parametrize("key", [f"{KEY}\n{KEY}", f"{KEY}\u00e9", f"{KEY}\x00"])
async def test_a_key_that_cannot_be_one_is_not_quoted(key: str) -> None:
    """The error says what is wrong with it, and not what it is."""
    async with Client(providers={"openai": OpenAI}) as client:
        error = await failure_of(client, streamed=False, api_key=key)
    for text in shown_of(error):
        assert KEY not in text


async def test_a_key_of_a_call_is_shown_by_nothing() -> None:
    """Neither by what went well, nor by client, provider or context."""
    recorder = Recorder()
    with FaultServer(reply(200, COMPLETION)) as server:
        async with Client(providers={"openai": OpenAI}, hooks=[recorder]) as client:
            answer = await client.acompletion(
                MODEL,
                HI,
                stream=False,
                api_key=KEY,
                base_url=server.url,
                extra_headers={"x-token": KEY},
            )
            seen = [answer, answer.exchange, vars(client), client._registry.__dict__]
            assert KEY not in repr(seen)
            assert KEY not in answer.model_dump_json()
            assert KEY.encode() not in pickle.dumps(answer)
    assert KEY not in repr([as_dictionary(event) for event in recorder.events])


async def test_a_streams_own_frames_show_no_key() -> None:
    """While it is read."""
    with FaultServer(stream("Hi")) as server:
        opened = await client_of(server).acompletion(MODEL, HI, stream=True)
        assert KEY not in repr([opened, opened.exchange, opened._context])
        await opened.aclose()


def test_a_secret_hides_itself() -> None:
    """From repr, str, format and pickle; it shows itself only to who asks it to."""
    secret = Secret(KEY)
    assert KEY not in f"{secret!r} {secret} {secret!s:>30} {[secret]}"
    with pytest.raises(TypeError):
        pickle.dumps(secret)
    assert KEY == secret.reveal()


async def test_the_error_still_says_what_happened() -> None:
    """Only the key is taken out of it."""
    with FaultServer(reply(401, REPEATED)) as server:
        error = await failure_of(client_of(server), streamed=False)
    assert isinstance(error, AuthenticationError)
    assert "wrong key ***" in str(error)
    gc.collect()


async def test_an_error_in_a_stream_still_says_what_happened() -> None:
    """Its class and the rest of its text are the provider's."""
    payload = {"error": {"message": f"slow down, {KEY}", "code": "rate_limit_exceeded"}}
    with FaultServer(stream("a", end=event(payload))) as server:
        error = await failure_of(client_of(server), streamed=True)
    assert isinstance(error, RateLimitError)
    assert "slow down, ***" in str(error)


def test_headers_among_arguments_hide_their_values() -> None:
    """A traceback shows the arguments of a call."""
    options: Any = {"extra_headers": {"authorization": KEY, "content-type": "text/plain"}}
    hide_credentials(options)
    assert "{'authorization': '***', 'content-type': 'text/plain'}" == repr(
        options["extra_headers"]
    )
