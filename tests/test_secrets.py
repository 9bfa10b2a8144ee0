"""Where else a key could show: in asyncio's own log, in a proxy's address, in a factory's frames.

What a server repeats, and what errors, events, objects and logs show, is in ``faults/secrets``.
"""

from __future__ import annotations

import asyncio
import logging
import pickle
import traceback
from base64 import b64encode
from collections.abc import Iterator
from types import TracebackType
from typing import Any

import pytest

import llmgate
from llmgate import Client
from llmgate._core.prepare import hide_credentials
from llmgate.errors import LLMGateError, RateLimitError
from llmgate.transports.aiohttp import HttpSettings
from llmgate.types import Attempt
from tests.faults.calls import HI, KEY, MODEL, Recorder, chain, client_of
from tests.faults.peer import Step
from tests.faults.server import COMPLETION, FaultServer, close, event, hang, reply, stream
from tests.plain_provider import PlainProvider

OTHER = "other-canary-987654321"


def in_frames(error: BaseException) -> Iterator[str]:
    """What the frames of an exception, and of all that hang on it, hold; but for the test's own."""
    for each in chain(error):
        at: TracebackType | None = each.__traceback__
        while at is not None:
            if "/tests/" not in at.tb_frame.f_code.co_filename:
                yield from (repr(value) for value in at.tb_frame.f_locals.values())
            at = at.tb_next
        shown = traceback.TracebackException.from_exception(each, capture_locals=True)
        yield from (repr(f.locals) for f in shown.stack if "/tests/" not in f.filename)


@pytest.mark.parametrize("key", [f"{KEY}\n{OTHER}", f"{KEY}é", KEY + "\0"])
async def test_a_key_that_is_none_is_in_no_frame(key: str) -> None:
    """Nor the key of a call that was refused for it; with async and without."""
    options: dict[str, Any] = {"api_key": key}
    calls: list[Any] = [llmgate.completion, Client().completion]
    for call in calls:
        with pytest.raises(LLMGateError) as caught:
            call(MODEL, HI, **options)
        assert KEY not in "".join(in_frames(caught.value))
    for coroutine in (llmgate.acompletion, Client().acompletion):
        with pytest.raises(LLMGateError) as caught:
            await coroutine(MODEL, HI, **options)
        assert KEY not in "".join(in_frames(caught.value))


async def test_a_provider_that_refuses_its_key() -> None:
    """A constructor that was handed the key in clear is in no traceback either."""

    def make(api_key: str = "") -> PlainProvider:
        try:
            raise KeyError(api_key)
        except KeyError:
            raise LLMGateError("no such account")  # noqa: B904 - as strangers do

    options: dict[str, Any] = {"api_key": KEY}
    with pytest.raises(LLMGateError, match="no such account") as caught:
        await Client(providers={"mine": make}).acompletion("mine/x", HI, **options)
    assert KEY not in "".join(in_frames(caught.value))
    assert 1 == len([*chain(caught.value)])


async def test_asyncios_own_log(caplog: pytest.LogCaptureFixture) -> None:
    """In its debug mode asyncio tells of slow steps and of what is never awaited."""
    loop = asyncio.get_running_loop()
    loop.set_debug(True)
    loop.slow_callback_duration = 0.000_001
    try:
        with caplog.at_level(logging.DEBUG), FaultServer(reply(body=COMPLETION)) as server:
            async with client_of(server) as client:
                options: dict[str, Any] = {"api_key": KEY, "base_url": server.url}
                await client.acompletion(MODEL, HI, **options)
    finally:
        loop.set_debug(False)
        loop.slow_callback_duration = 0.1
    assert "took" in caplog.text
    assert KEY not in caplog.text


PROXIED: dict[str, tuple[str, Step]] = {
    "refused": ("http", reply(407, {"error": {"message": "no"}})),
    "no tunnel": ("https", reply(407)),
    "not spoken": ("https", close),
    "closed": ("http", close),
    "late": ("http", hang),
    "late tunnel": ("https", hang),
}


@pytest.mark.parametrize("name", PROXIED)
@pytest.mark.parametrize("by_environment", [False, True])
async def test_a_password_of_a_proxy(
    name: str,
    by_environment: bool,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """The proxy is given it, and nobody is shown it: in no error, frame, event or log."""
    scheme, step = PROXIED[name]
    hook, loop = Recorder(), asyncio.get_running_loop()
    loop.set_debug(True)
    options: dict[str, Any] = {
        "api_key": KEY,
        "base_url": f"{scheme}://model.test/v1",
        "timeout": 0.4,
    }
    with caplog.at_level(logging.DEBUG), FaultServer(step) as server:
        address = server.url.replace("//", f"//me:{OTHER}@").removesuffix("/v1")
        settings: Any = {"proxy": address}
        if by_environment:
            settings = {"trust_env": True}
            monkeypatch.setenv(f"{scheme}_proxy", address)
        async with Client(hooks=[hook], max_retries=0, **settings) as client:
            with pytest.raises(LLMGateError) as caught:
                await client.acompletion(MODEL, HI, **options)
            shown = f"{client!r} {vars(client)} {vars(client._connections)}"
        sent = server.requests[0].headers["proxy-authorization"]
    assert b64encode(f"me:{OTHER}".encode()).decode() == sent.removeprefix("Basic ")
    error = caught.value
    for text in (shown, caplog.text, *in_frames(error), f"{vars(error)} {error} {hook.events}"):
        assert OTHER not in text
        assert sent not in text


@pytest.mark.parametrize("proxy", [f"ftp://me:{OTHER}@x.test", f"me:{OTHER}@x.test"])
@pytest.mark.parametrize("wrong", ["the proxy", "something else"])
async def test_a_proxy_that_is_refused(proxy: str, wrong: str) -> None:
    """Its password is in no frame, whatever is wrong, and nothing is pickled that holds it."""
    settings: Any = {"hooks": 3} if wrong == "something else" else {}
    with pytest.raises(LLMGateError) as caught:
        await Client(proxy=proxy, **settings).acompletion(MODEL, HI)
    assert OTHER not in "".join([*in_frames(caught.value), str(caught.value)])
    with pytest.raises(TypeError, match="not pickled"):
        pickle.dumps(HttpSettings(proxy=f"http://me:{OTHER}@x.test"))


async def test_what_is_left_of_an_error() -> None:
    """Only secrets are taken out: numbers, attempts and short words stay."""
    body = {"error": {"message": f"Bearer {KEY} is wrong", "code": "wrong"}}
    with FaultServer(reply(401, body, x_request_id="id-1")) as server:
        async with client_of(server) as client:
            with pytest.raises(LLMGateError) as caught:
                await client.acompletion(MODEL, HI)
    error = caught.value
    assert "*** is wrong" in error.message
    assert (401, "wrong", "id-1") == (error.status, error.code, error.request_id)
    assert [Attempt] == [type(attempt) for attempt in error.attempts]


async def test_an_error_in_a_stream_still_says_what_happened() -> None:
    """Its class and the rest of its text are the provider's."""
    payload = {"error": {"message": f"slow down, {KEY}", "code": "rate_limit_exceeded"}}
    with FaultServer(stream("a", end=event(payload))) as server:
        opened = await client_of(server).acompletion(MODEL, HI, stream=True)
        with pytest.raises(RateLimitError, match=r"slow down, \*\*\*"):
            await opened.completion()


def test_headers_among_arguments_hide_their_values() -> None:
    """A traceback shows the arguments of a call."""
    options: Any = {"extra_headers": {"authorization": KEY, "content-type": "text/plain"}}
    hide_credentials(options)
    assert "{'authorization': '***', 'content-type': 'text/plain'}" == repr(
        options["extra_headers"]
    )
