"""The transport: responses that are odd, cut, large or endless."""

from __future__ import annotations

import asyncio
import gzip
import os
import re
import resource
import ssl
import time
import zlib
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import trustme
from aiohttp import ClientPayloadError
from aiohttp import __version__ as aiohttp_version
from aiohttp.http_exceptions import DecompressSizeError

from llmgate._core import send as _attempt
from llmgate.errors import (
    BadRequestError,
    ConnectError,
    DecodeError,
    InternalError,
    LLMGateError,
    NotFoundError,
    ProtocolError,
    ProviderError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
)
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports._failures import failure_of as error_of
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, client_of, is_ours, limits
from tests.faults.peer import Step
from tests.faults.server import COMPLETION, FaultServer, close, head, reply, reset, then, trickle
from tests.machine import wait_for_async
from tests.transport.calls import ANSWER, drained, failure_of, transport

BODY = ANSWER.partition(b"\r\n\r\n")[2]
VERSION = tuple(map(int, aiohttp_version.split(".")[:2]))
COUNTS_HEADERS = VERSION >= (3, 14)  # older ones bound the length of each alone


@pytest.mark.parametrize(
    ("step", "kind"),
    [
        pytest.param(close, ReadError, id="closed without a word"),
        pytest.param(reset, ReadError, id="reset without a word"),
        pytest.param(b"SSH-2.0-OpenSSH_9.6\r\n", ProtocolError, id="another protocol"),
        pytest.param(b"HTTP/1.1 abc\r\n\r\n", ProtocolError, id="no status"),
        pytest.param(then(b"HTTP/1.1 200 OK\r\nContent-Le", last=close), ReadError, id="cut head"),
        pytest.param(
            then(head(content_length="100") + b'{"id"', last=close), ReadError, id="body cut"
        ),
        pytest.param(
            then(head(content_length="100") + b'{"id"', last=reset), ReadError, id="body reset"
        ),
        pytest.param(
            head(transfer_encoding="chunked") + b"zz\r\n{}\r\n",
            ProtocolError,
            id="chunk size no number",
        ),
        pytest.param(
            then(head(transfer_encoding="chunked") + b"5\r\n{", last=close),
            ReadError,
            id="chunk cut",
        ),
        pytest.param(
            reply(body=b"no gzip", content_encoding="gzip"), DecodeError, id="gzip that is none"
        ),
        pytest.param(
            reply(body=b"no brotli", content_encoding="br"), DecodeError, id="Brotli that is none"
        ),
        pytest.param(head(200, "x a: b"), ProtocolError, id="no name of a header"),
        pytest.param(head(x_long="a" * 200_000), ResponseTooLargeError, id="a header of 200 kB"),
        *(
            pytest.param(
                head(200, *(f"x-{number}: y" for number in range(count))),
                ResponseTooLargeError,
                id=f"{count} headers",
            )
            for count in ([10_000] if COUNTS_HEADERS else [])
        ),
        pytest.param(
            reply(body=b"<html>hi</html>", content_type="text/html"), DecodeError, id="HTML"
        ),
        pytest.param(reply(body=b""), DecodeError, id="empty"),
        pytest.param(head(204), DecodeError, id="no content"),
        pytest.param(head(304), ProviderError, id="not modified"),
        pytest.param(head(101, upgrade="x", connection="upgrade"), ProviderError, id="switching"),
    ],
)
async def test_a_reply_that_is_no_answer(step: Step, kind: type[LLMGateError]) -> None:
    """Whatever goes wrong with a reply is one of our errors, and nothing of the library below."""
    with FaultServer(step) as server:
        error = await failure_of(server.url)
    assert kind is type(error)
    assert ("openai", "gpt-4o") == (error.provider, error.model)
    said = str(error).replace(server.url, "")
    assert "400" not in said, "that is a status, which nobody sent"


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(reply(body=COMPLETION, content_type="text/plain"), id="wrong content type"),
        pytest.param(
            reply(body=COMPLETION, content_type="application/json; charset=latin-9"), id="charset"
        ),
        pytest.param(then(head() + BODY, last=close), id="until EOF"),
        pytest.param(head(100) + head(103) + ANSWER, id="informational replies first"),
        pytest.param(reply(body=COMPLETION, x_long="x" * 20_000), id="a header of 20 kB"),
        pytest.param(
            reply(body=gzip.compress(BODY), content_encoding="gzip"),
            id="gzip",
        ),
    ],
)
async def test_an_odd_reply_that_is_an_answer(step: Step) -> None:
    """What is unusual but clear is an answer."""
    with FaultServer(step) as server:
        async with client_of(server) as client:
            assert "Hi" == (await client.acompletion(MODEL, HI)).text


async def test_a_body_in_two_members() -> None:
    """It is read whole, or refused where aiohttp takes the first for all: never cut short."""
    body = gzip.compress(BODY[:9]) + gzip.compress(BODY[9:])
    with FaultServer(reply(body=body, content_encoding="gzip")) as server:
        async with client_of(server) as client:
            try:
                text = (await client.acompletion(MODEL, HI)).text
            except DecodeError:
                text = None
    assert text == ("Hi" if VERSION >= (3, 14) else None)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(b"HELLO\r\n\r\n", id="no HTTP"),
        pytest.param(head(x_long="a" * 200_000), id="a head that is too large"),
        pytest.param(reply(body=b"no gzip", content_encoding="gzip"), id="no gzip"),
        pytest.param(head(transfer_encoding="chunked") + b"zz\r\n", id="no chunk"),
    ],
)
async def test_what_the_next_response_would_be_like_is_not_asked_for_again(step: Step) -> None:
    """A server that speaks no HTTP, or compresses wrongly, may have acted on the request."""
    with FaultServer(step) as server:
        async with client_of(server, max_retries=2) as client:
            with pytest.raises((ProtocolError, ResponseTooLargeError, DecodeError)):
                await client.acompletion(MODEL, HI)
        assert 1 == len(server.requests)


@pytest.mark.parametrize(
    "step",
    [
        pytest.param(
            trickle(head(500), pieces=iter(lambda: b"no " * 100, None), pause=0.02), id="endless"
        ),
        pytest.param(trickle(head(500), pieces=iter(lambda: b"x", None), pause=9.0), id="silent"),
        pytest.param(reply(500, body=b"no gzip", content_encoding="gzip"), id="no gzip"),
    ],
)
@pytest.mark.parametrize("limits", [Timeout(0.6), Timeout(None, idle=0.4)])
async def test_a_status_is_not_hidden_by_its_body(step: Step, limits: Timeout) -> None:
    """Whatever becomes of an error's body, within whichever limit: the status says what it is."""
    with FaultServer(step) as server:
        async with client_of(server, max_retries=0, timeout=limits) as client:
            with pytest.raises(ServerError) as caught:
                await client.acompletion(MODEL, HI)
    assert 500 == caught.value.status


class UnforeseenError(Exception):
    """Something that no library is known to raise."""


async def test_what_nobody_foresaw(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is an InternalError that says where, is not retried, and quotes no value."""

    async def fails(*_: object, **__: object) -> None:
        raise UnforeseenError(KEY)

    monkeypatch.setattr("aiohttp.TCPConnector.connect", fails)
    async with client_of("http://127.0.0.1:9/v1", retry=AT_ONCE) as client:
        with pytest.raises(InternalError) as caught:
            await client.acompletion(MODEL, HI)
    assert is_ours(caught.value)
    assert 1 == len(caught.value.attempts)
    assert re.fullmatch(r"tests/transport/test_responses\.py:\d+ in fails", caught.value.origin)
    assert "UnforeseenError" in str(caught.value)
    assert KEY not in str(caught.value)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_too_many_open_files(host: str) -> None:
    """The error names EMFILE, and says what to do about it."""
    held = list[int]()
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with FaultServer(reply(body=COMPLETION, connection="close")) as server:
        here = HttpRequest("GET", server.url)
        there = HttpRequest("GET", server.url.replace("127.0.0.1", host))
        async with transport() as each:
            await drained(await each.open(here, Timeout()))  # all is imported that is needed
            assert await wait_for_async(lambda: server.open_connections == 0)
            await asyncio.sleep(0.02)
            resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
            try:
                with suppress(OSError):
                    while True:
                        held.append(os.dup(0))
                with pytest.raises(ConnectError) as caught:
                    await each.open(there, Timeout())
            finally:
                for file in held:
                    os.close(file)
                resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
            for part in ("EMFILE", "ulimit -n", "limit="):
                assert part in str(caught.value)
            await drained(await each.open(there, Timeout()))


@pytest.mark.parametrize("secure", [False, True])
async def test_a_loop_that_is_held_up(
    secure: bool, authority: trustme.CA, tls: ssl.SSLContext, bundle: Path
) -> None:
    """Code that blocks the loop while it connects does not fail a server that is prompt."""
    settings: dict[str, Any] = {"verify": str(bundle)} if secure else {}
    with FaultServer(ANSWER, tls=tls if secure else None) as server:
        async with client_of(server, **settings) as client:
            timeout = limits(connect=0.3)
            call = asyncio.ensure_future(client.acompletion(MODEL, HI, timeout=timeout))
            for _ in range(4):
                await asyncio.sleep(0.001)
                time.sleep(0.4)  # noqa: ASYNC251 - which is what is tested
            assert "Hi" == (await call).text


# --- limits -------------------------------------------------------------------------------


async def test_a_body_beyond_the_limit(monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer larger than the limit is refused while it is read; the rest is not."""
    monkeypatch.setattr(_attempt, "MAX_BODY", 100_000)
    endless = trickle(head(), pieces=iter(lambda: b" " * 10_000, None))
    with FaultServer(endless) as server:
        assert ResponseTooLargeError is type(await failure_of(server.url))
        assert server.wait_until_left()


def test_a_bomb_that_the_library_below_refuses() -> None:
    """What older versions of aiohttp limit by themselves is too large, too."""
    error = ClientPayloadError("400")
    error.__cause__ = DecompressSizeError("too much")
    assert ResponseTooLargeError is type(error_of(error, "http://host/"))


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb(monkeypatch: pytest.MonkeyPatch, encoding: str) -> None:
    """The limit counts what a compressed body becomes."""
    monkeypatch.setattr(_attempt, "MAX_BODY", 1_000_000)
    bomb = b" " * 50_000_000
    pressed = gzip.compress(bomb) if encoding == "gzip" else zlib.compress(bomb)
    with FaultServer(reply(body=pressed, content_encoding=encoding)) as server:
        assert ResponseTooLargeError is type(await failure_of(server.url))


async def test_an_endless_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Of an error's body a limited beginning is read; the error is that of the status."""
    monkeypatch.setattr(_attempt, "MAX_ERROR_BODY", 50_000)
    endless = trickle(head(404), pieces=iter(lambda: b"no " * 1_000, None))
    with FaultServer(endless) as server:
        error = await failure_of(server.url)
        assert server.wait_until_left()
    assert NotFoundError is type(error)
    assert (error.body or b"").startswith(b"no no")


@pytest.mark.parametrize("last", [close, reset])
async def test_an_error_that_is_cut(last: Any) -> None:
    """An error whose body breaks off is still the error of its status, with what came of it."""
    step = then(head(400, content_length="99") + b"because", last=last)
    with FaultServer(step) as server:
        error = await failure_of(server.url)
    assert BadRequestError is type(error)
    assert 400 == error.status


async def test_a_large_answer() -> None:
    """An answer of 20 MB passes."""
    text = "x" * 20_000_000
    body = {**COMPLETION, "choices": [{"message": {"content": text}, "finish_reason": "stop"}]}
    with FaultServer(reply(body=body)) as server:
        async with client_of(server) as client:
            assert len(text) == len((await client.acompletion(MODEL, HI)).text)


async def test_a_large_prompt_is_sent_in_pieces() -> None:
    """A prompt of 8 MB goes out whole, without a warning, and does not hold up the loop."""
    prompt = [{"role": "user", "content": "x" * 8_000_000}]
    with FaultServer(ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, prompt)
    assert prompt == server.requests[0].json["messages"]
