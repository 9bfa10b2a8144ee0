"""Responses that cannot be read: the error says what came, and what it was taken for."""

from __future__ import annotations

import zlib
from contextlib import nullcontext
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import DecodeError, ProviderError, StreamTruncatedError
from llmgate.types import Completion
from tests.faults.calls import AT_ONCE, HI
from tests.faults.dialect import TEXT, Dialect
from tests.faults.dialects import DIALECTS
from tests.faults.server import STREAM_HEAD, FaultServer, close, framed, head, reply, then

EACH = pytest.mark.parametrize("dialect", DIALECTS.values(), ids=DIALECTS)
IDEMPOTENT = pytest.mark.parametrize(
    "dialect", [each for each in DIALECTS.values() if each.idempotent], ids=lambda each: each.name
)
BOTH = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
PAGE = b"\n<!DOCTYPE html>\n<html><head><TITLE>\nSign in to\x1b[2J Acme </TITLE></head></html>"
GZIP = {"content_type": "text/event-stream", "content_encoding": "gzip"}


def client_of(dialect: Dialect, server: FaultServer, **settings: Any) -> Client:
    """A client of that provider, which is this server."""
    settings.setdefault("retry", None)
    return Client(providers={dialect.name: dialect.make(server.url)}, timeout=20.0, **settings)


async def failure_of(step: Any, dialect: Dialect, *, streamed: bool) -> DecodeError:
    """The error of a call that is answered with this."""
    with dialect.serve(step) as server:
        async with client_of(dialect, server, max_retries=0) as client:
            with pytest.raises(DecodeError) as caught:
                await completed(client, dialect, streamed=streamed)
    return caught.value


async def completed(client: Client, dialect: Dialect, *, streamed: bool) -> Completion:
    """The completion of a call, whole or put together from its stream."""
    if streamed:
        return await (await client.acompletion(dialect.model, HI, stream=True)).completion()
    return await client.acompletion(dialect.model, HI)


# --- pages --------------------------------------------------------------------------------


@EACH
@BOTH
@pytest.mark.parametrize(
    ("page", "kind"),
    [
        (PAGE, "text/html; charset=utf-8"),
        (PAGE, "application/json"),
        (b"<HTML><body>It works!</body></HTML>", "text/plain"),
        (b'<?xml version="1.0"?><html xmlns="http://www.w3.org/1999/xhtml"/>', "text/html"),
    ],
)
async def test_a_page_is_called_one(
    dialect: Dialect, streamed: bool, page: bytes, kind: str
) -> None:
    """A login, a proxy's notice, a website: the error names it, with its title."""
    error = await failure_of(reply(body=page, content_type=kind), dialect, streamed=streamed)
    assert "an HTML page came in place of a response" in error.message
    assert "base_url" in error.message
    assert (page is PAGE) is ("titled 'Sign in to\\\\x1b[2J Acme'" in error.message)
    assert (error.message,) == error.args


@BOTH
@pytest.mark.parametrize("body", [b"plain text", b'{"html": "<html>"}', b"<xml></xml>"])
async def test_what_is_no_page_is_not_called_one(streamed: bool, body: bytes) -> None:
    """The label alone makes no page, and neither does another language of markup."""
    label = "text/html" if body.startswith(b"{") else "text/plain"
    step = reply(body=body, content_type=label)
    error = await failure_of(step, DIALECTS["openai"], streamed=streamed)
    assert "HTML" not in error.message


# --- compressed bodies --------------------------------------------------------------------


@EACH
async def test_a_stream_that_cannot_be_decompressed_any_further(dialect: Dialect) -> None:
    """What was read of it is a truncated response, and is in the error."""
    press = zlib.compressobj(wbits=31)
    said = press.compress(b"".join(dialect.begun)) + press.flush(zlib.Z_SYNC_FLUSH)
    first = STREAM_HEAD.removesuffix(b"\r\n") + b"content-encoding: gzip\r\n\r\n"
    step = then(first, framed(said), framed(b"\xff" * 500), pause=0.05, last=close)
    with dialect.serve(step) as server:
        async with client_of(dialect, server) as client:
            stream = await client.acompletion(dialect.model, HI, stream=True)
            with pytest.raises(StreamTruncatedError, match="cannot be decompressed") as caught:
                await stream.completion()
    assert caught.value.partial is not None
    assert TEXT == caught.value.partial.text


@EACH
@BOTH
async def test_what_was_never_compressed(dialect: Dialect, streamed: bool) -> None:
    """Nothing of it could be read."""
    plain = head(200, **GZIP) + b"".join(dialect.events) * 9
    error = await failure_of(then(plain, last=close), dialect, streamed=streamed)
    assert "cannot be decompressed" in error.message
    assert 200 == error.status


# --- overloaded before the first word -----------------------------------------------------


@IDEMPOTENT
@pytest.mark.parametrize("apart", [False, True], ids=["at once", "in turn"])
@pytest.mark.parametrize("has_text", [False, True])
async def test_overloaded_before_any_text(dialect: Dialect, apart: bool, has_text: bool) -> None:
    """It is retried until a word was read, also where the opening of a message had come."""
    said = [*(dialect.begun if has_text else dialect.opening), dialect.stream_error]
    pieces = [framed(each) for each in (said if apart else [b"".join(said)])]
    failing = then(STREAM_HEAD, *pieces, pause=0.05, last=close)
    with dialect.serve(failing, dialect.streamed()) as server:
        async with client_of(dialect, server, retry=AT_ONCE) as client:
            stream = await client.acompletion(dialect.model, HI, stream=True)
            with pytest.raises(ProviderError) if has_text else nullcontext() as caught:
                chunks = [each async for each in stream if each.choices]
                roles = [each.choices[0].delta.role for each in chunks]
                assert roles.count("assistant") <= 1
                assert TEXT == (await stream.completion()).text
    if caught is not None:
        assert caught.value.delivered


@IDEMPOTENT
@BOTH
@pytest.mark.parametrize("status", [408, 520, 521, 522, 523, 524])
async def test_statuses_that_pass(dialect: Dialect, streamed: bool, status: int) -> None:
    """A server's timeout, and what Cloudflare says of a server that it cannot reach."""
    refused = reply(status, body=PAGE, content_type="text/html")
    good = dialect.streamed() if streamed else dialect.reply()
    with dialect.serve(refused, good) as server:
        async with client_of(dialect, server, retry=AT_ONCE) as client:
            answer = await client.acompletion(dialect.model, HI, stream=streamed)
            statuses = [attempt.status for attempt in answer.attempts]
    assert status in statuses
    assert 200 == statuses[-1]


@BOTH
async def test_a_whole_response_in_place_of_a_stream_is_read(streamed: bool) -> None:
    """It was made and billed: where the provider's decoder reads it, it is the completion."""
    openai = DIALECTS["openai"]
    whole = {"choices": [{"message": {"content": TEXT}, "finish_reason": "stop"}]}
    with openai.serve(reply(body=whole)) as server:
        async with client_of(openai, server) as client:
            completion = await completed(client, openai, streamed=streamed)
    assert completion.text == TEXT
