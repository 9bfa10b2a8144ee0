"""The HTTP transport: what it sends, how it keeps connections, and whose errors it raises."""

from __future__ import annotations

import asyncio
import gc
import gzip
import os
import re
import resource
import socket
import ssl
import sys
import threading
import time
import zlib
from collections.abc import Iterator
from contextlib import suppress
from importlib.util import find_spec
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
    ClosedError,
    ConnectError,
    DeadlineExceededError,
    DecodeError,
    InternalError,
    InvalidRequestError,
    LLMGateError,
    NotFoundError,
    ProtocolError,
    ProviderError,
    ReadError,
    ResponseTooLargeError,
    ServerError,
    TLSError,
)
from llmgate.hooks import CallEnded, ConnectionQueued
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports._failures import failure_of as error_of
from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings, Stats
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL, Recorder, client_of, is_ours, limits
from tests.faults.networks import black_hole
from tests.faults.server import (
    COMPLETION,
    LAST,
    FaultServer,
    Peer,
    Step,
    close,
    hang,
    head,
    noting,
    reply,
    reset,
    stream,
    then,
    trickle,
    wait_for_async,
)

ANSWER = reply(body=COMPLETION)
BODY = ANSWER.partition(b"\r\n\r\n")[2]
VERSION = tuple(map(int, aiohttp_version.split(".")[:2]))
COUNTS_HEADERS = VERSION >= (3, 14)  # older ones bound the length of each alone
PATHS = ["public", "fast"] if find_spec("llmgate.transports._fast") else ["public"]


@pytest.fixture(autouse=True, params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way that requests take: each test is played on both."""
    name: str = request.param
    monkeypatch.setenv("LLMGATE_FAST_PATH", "1" if name == "fast" else "0")
    return name


@pytest.fixture(scope="session")
def authority() -> trustme.CA:
    """A certificate authority that nobody trusts."""
    return trustme.CA()


@pytest.fixture
def tls(authority: trustme.CA) -> ssl.SSLContext:
    """A server's certificate for 127.0.0.1."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    return context


@pytest.fixture
def bundle(authority: trustme.CA, tmp_path: Path) -> Path:
    """The authority's certificate in a file."""
    path = tmp_path / "ca.pem"
    authority.cert_pem.write_to_path(str(path))
    return path


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


async def failure_of(url: str, **settings: Any) -> LLMGateError:
    """The error of a call to an address."""
    async with client_of(url, **settings) as client:
        with pytest.raises(LLMGateError) as caught:
            await client.acompletion(MODEL, HI)
    assert is_ours(caught.value)
    return caught.value


# --- the way that requests take ----------------------------------------------------------


async def test_requests_are_counted_by_their_way(path: str) -> None:
    """Which of the two a request took can be seen; a large body always takes the public one."""
    with FaultServer(ANSWER) as server:
        async with transport() as each:
            for size in (1, 2, 2_000_000):
                (
                    await each.open(HttpRequest("POST", server.url, {}, b"x" * size), Timeout())
                ).close()
            assert (Stats(1, 2) if path == "fast" else Stats(3, 0)) == each.stats
    assert [1, 2, 2_000_000] == [len(seen.body) for seen in server.requests]


async def test_a_transport_of_its_own_opinion(path: str) -> None:
    """What the settings say goes before the environment."""
    settings = HttpSettings(fast_path=path == "public")
    with FaultServer(ANSWER) as server:
        each = await AiohttpTransport.start(settings)
        (await each.open(HttpRequest("GET", server.url), Timeout())).close()
        await each.aclose()
    assert each.stats.fast == (path == "public" and "fast" in PATHS)


# --- no connection ------------------------------------------------------------------------


async def test_a_host_that_refuses(free_port: int) -> None:
    """Nobody listens: ConnectError, naming the host."""
    error = await failure_of(f"http://127.0.0.1:{free_port}/v1")
    assert ConnectError is type(error)
    assert f"127.0.0.1:{free_port}" in str(error)


@pytest.mark.parametrize("name", ["a..b", "a" * 64])
async def test_a_name_that_cannot_be_one(name: str) -> None:
    """No address can be asked for it: ConnectError, on either way."""
    assert isinstance(await failure_of(f"http://{name}.test/v1"), ConnectError)


async def test_a_name_that_the_system_cannot_encode(monkeypatch: pytest.MonkeyPatch) -> None:
    """What the look-up raises is a ConnectError, on either way."""

    async def fail(*_: object, **__: object) -> None:
        raise UnicodeError("label empty or too long")

    monkeypatch.setattr("llmgate.transports._resolver.ThreadResolver.resolve", fail)
    assert isinstance(await failure_of("http://a.test/v1"), ConnectError)


async def test_a_deadline_while_connecting() -> None:
    """The error says what was waited for, on either way."""
    with black_hole() as url:
        async with client_of(url, timeout=0.2) as client:
            with pytest.raises(DeadlineExceededError) as caught:
                await client.acompletion(MODEL, HI)
    assert "connect" == caught.value.phase


async def test_a_name_that_does_not_resolve() -> None:
    """No such host: ConnectError."""
    error = await failure_of("http://no-such-host.invalid/v1")
    assert ConnectError is type(error)


async def test_an_address_that_is_none() -> None:
    """What only the HTTP library finds to be no address is an invalid base_url."""
    async with transport() as each:
        for url in (
            "http://host:99999/",
            "http://127.1/",
            "ftp://host/",
            "nonsense",
            "http:///x",
            "http://0x7f.1/",
        ):
            with pytest.raises(InvalidRequestError) as caught:
                await each.open(HttpRequest("GET", url), Timeout())
            assert caught.value.path == "base_url", url
            assert is_ours(caught.value)


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
    assert re.fullmatch(r"tests/test_transport\.py:\d+ in fails", caught.value.origin)
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


# --- TLS ----------------------------------------------------------------------------------


async def test_tls_with_an_authority_of_ones_own(
    tls: ssl.SSLContext, bundle: Path, authority: trustme.CA
) -> None:
    """``verify`` takes a file, a context, or False."""
    context = ssl.create_default_context()
    authority.configure_trust(context)  # pyright: ignore[reportUnknownMemberType]
    for verify in (str(bundle), context, False):
        with FaultServer(ANSWER, tls=tls) as server:
            async with client_of(server, verify=verify) as client:
                assert "Hi" == (await client.acompletion(MODEL, HI)).text


async def test_tls_with_a_folder_of_authorities(tls: ssl.SSLContext, tmp_path: Path) -> None:
    """``verify`` takes a folder; an empty one trusts nobody."""
    with FaultServer(ANSWER, tls=tls) as server:
        assert TLSError is type(await failure_of(server.url, verify=str(tmp_path)))


@pytest.mark.parametrize("content", [None, "no certificate"])
async def test_a_bundle_that_is_none(content: str | None, tmp_path: Path) -> None:
    """A CA bundle that is not there, or holds none, is an invalid setting that is named."""
    path = tmp_path / "bundle.pem"
    if content is not None:
        path.write_text(content)
    error = await failure_of("https://127.0.0.1/v1", verify=str(path))
    assert isinstance(error, InvalidRequestError)
    assert "verify" == error.path


async def test_a_certificate_that_nobody_trusts(tls: ssl.SSLContext) -> None:
    """An unknown authority: TLSError, which is not tried again."""
    with FaultServer(ANSWER, tls=tls) as server:
        error = await failure_of(server.url, max_retries=2)
        assert TLSError is type(error)
        assert [] == server.requests


async def test_a_certificate_for_another_host(authority: trustme.CA, bundle: Path) -> None:
    """A certificate with another name: TLSError."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("other.example").configure_cert(context)  # pyright: ignore[reportUnknownMemberType]
    with FaultServer(ANSWER, tls=context) as server:
        assert TLSError is type(await failure_of(server.url, verify=str(bundle)))


async def test_plain_http_where_tls_is_asked_for() -> None:
    """A server that speaks no TLS: TLSError."""

    async def greet(peer: Peer) -> None:
        await peer.send(b"HTTP/1.1 400 Bad Request\r\n\r\n")

    with FaultServer(on_connect=greet) as server:
        url = server.url.replace("http:", "https:")
        assert TLSError is type(await failure_of(url))


async def test_tls_that_is_cut_off(tls: ssl.SSLContext, bundle: Path) -> None:
    """A TLS connection that ends without its closing alert in a body is a cut body."""
    with FaultServer(then(head(content_length="9") + b"{", last=reset), tls=tls) as server:
        assert ReadError is type(await failure_of(server.url, verify=str(bundle)))


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


# --- what is sent -------------------------------------------------------------------------


async def test_what_is_sent_beside_the_request() -> None:
    """No cookie is kept, compression is not asked for, and the user agent is llmgate's."""
    with FaultServer(reply(body=COMPLETION, set_cookie="a=b"), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            await client.acompletion(MODEL, HI)
    names = {"host", "accept-encoding", "user-agent", "accept", "content-type", "content-length"}
    for seen in server.requests:
        assert names | {"authorization"} == {*seen.headers}
        assert "identity" == seen.headers["accept-encoding"]
        assert "llmgate" in seen.headers["user-agent"]


async def test_a_stream_that_is_let_go() -> None:
    """Its connection ends with the last reference to it: no garbage has to be collected."""
    with FaultServer(then(stream("a", last=b""), last=hang)) as server:
        async with client_of(server) as client:
            gc.disable()
            try:
                call = asyncio.ensure_future(client.acompletion(MODEL, HI, stream=True))
                answer = await call
                await anext(answer)
                del answer, call
                assert await wait_for_async(lambda: server.open_connections == 0)
            finally:
                gc.enable()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is an error that names its target; nothing is sent there, nor tried again."""
    with (
        FaultServer(ANSWER) as elsewhere,
        FaultServer(reply(status, location=elsewhere.url)) as server,
    ):
        error = await failure_of(server.url, max_retries=2)
        assert (1, 0) == (len(server.requests), elsewhere.connections)
    assert status == error.status
    assert elsewhere.url in str(error)


async def test_a_line_end_in_a_header() -> None:
    """A header that would become two is refused, and its value is not shown."""
    with FaultServer(ANSWER) as server:
        request = HttpRequest("POST", server.url, {"X-Key": f"{KEY}\r\nHost: evil"})
        async with transport() as each:
            with pytest.raises(InvalidRequestError) as caught:
                await each.open(request, Timeout())
        assert [] == server.requests
    assert KEY not in str(caught.value)


async def test_a_user_in_the_address() -> None:
    """User and password in an address are sent as such, and shown in no error."""
    with FaultServer(ANSWER, close) as server:
        url = server.url.replace("//", "//user:pass-canary-1@")
        request = HttpRequest("POST", url)
        async with transport() as each:
            (await each.open(request, Timeout())).close()
            assert server.requests[0].headers["authorization"].startswith("Basic ")
            with pytest.raises(ReadError) as caught:
                await each.open(request, Timeout())
            contradiction = HttpRequest("POST", url, {"Authorization": "Bearer x"})
            with pytest.raises(InvalidRequestError) as refused:
                await each.open(contradiction, Timeout())
    for shown in (str(caught.value), str(refused.value)):
        assert "canary" not in shown


# --- proxies ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("files", "limit", "expected"),
    [
        (4096, None, 1000),
        (2000, None, 1000),
        (256, None, 128),
        (1, None, 1),
        (resource.RLIM_INFINITY, None, 1000),
        (256, 5, 5),
        (256, 700, 700),
    ],
)
async def test_how_many_connections_there_may_be(
    files: int, limit: int | None, expected: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A thousand, or half of the files that may be open; unless somebody says how many."""

    def limits_of_files(_: int) -> tuple[int, int]:
        return files, files

    monkeypatch.setattr("resource.getrlimit", limits_of_files)
    assert expected == HttpSettings(limit=limit).most_connections()


async def test_how_many_connections_there_may_be_where_nobody_limits_files(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A thousand, on a system that has no such limit."""
    monkeypatch.setitem(sys.modules, "resource", None)
    assert 1000 == HttpSettings().most_connections()


# --- connections that are kept ------------------------------------------------------------


def transport() -> _Opened:
    """A transport with the default settings."""
    return _Opened()


class _Opened:
    async def __aenter__(self) -> AiohttpTransport:
        self._transport = await AiohttpTransport.start(HttpSettings())
        return self._transport

    async def __aexit__(self, *_: object) -> None:
        await self._transport.aclose()


async def test_a_connection_is_used_again() -> None:
    """Answers, errors and whole streams leave their connection for the next call."""
    with FaultServer(ANSWER, reply(404), stream("a"), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            with pytest.raises(NotFoundError):
                await client.acompletion(MODEL, HI)
            answer = await client.acompletion(MODEL, HI, stream=True)
            assert "a" == (await answer.completion()).text
            await client.acompletion(MODEL, HI)
        assert (4, 1) == (len(server.requests), server.connections)


async def test_the_end_of_a_stream_that_comes_a_little_later() -> None:
    """The last chunk of the transfer coding may follow the terminator; the reader does not wait."""
    step = then(stream("a", last=b""), LAST, pause=0.02, last=lambda _: asyncio.sleep(0))
    ended = list[bool]()
    with FaultServer(noting(step, ended), ANSWER) as server:
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            await answer.completion()
            assert await wait_for_async(lambda: bool(ended))
            await asyncio.sleep(0.02)
            await client.acompletion(MODEL, HI)
        assert (2, 1) == (len(server.requests), server.connections)


async def test_the_end_of_a_stream_that_never_comes() -> None:
    """A server that keeps the connection open after the terminator is not waited for."""
    with FaultServer(then(stream("a", last=b""), last=hang), ANSWER) as server:
        async with client_of(server, limit=1) as client:
            answer = await client.acompletion(MODEL, HI, stream=True)
            await answer.completion()
            assert await wait_for_async(lambda: server.open_connections == 0, 0.2)
            await client.acompletion(MODEL, HI)
        assert 2 == server.connections


async def test_a_long_wait_for_a_connection_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """Once, by an event of the request that waits; not of one that waits no more."""
    monkeypatch.setattr("llmgate._core.pool_wait.LONG_WAIT", 0.1)
    recorder, free = Recorder(), threading.Event()  # the server has a loop of its own

    async def answer_late(peer: Peer) -> None:
        await asyncio.to_thread(free.wait, 20)
        await peer.send(ANSWER)

    with FaultServer(answer_late, ANSWER) as server:
        async with client_of(server, limit=1, hooks=[recorder]) as client:
            first = asyncio.create_task(client.acompletion(MODEL, HI))
            assert await wait_for_async(lambda: len(server.requests) == 1)
            second = asyncio.create_task(client.acompletion(MODEL, HI))
            left = asyncio.create_task(client.acompletion(MODEL, HI))
            await asyncio.sleep(0.02)
            left.cancel()
            assert await wait_for_async(lambda: bool(recorder.all(ConnectionQueued)))
            free.set()
            await asyncio.gather(first, second)
            await asyncio.sleep(0.1)
        [event] = recorder.all(ConnectionQueued)
        ended = {each.call_id: each.outcome for each in recorder.all(CallEnded)}
        assert (1, "ok", 3) == (event.number, ended[event.call_id], len(ended))
        assert 1 == server.connections


@pytest.mark.parametrize(
    ("step", "method", "idempotent"),
    [
        pytest.param(then(b"HTTP/1.1 2", last=close), "POST", True, id="some of a reply came"),
        pytest.param(then(b"HTTP/1.1 2", last=reset), "POST", True, id="some came, then a reset"),
        pytest.param(close, "POST", False, id="not idempotent"),
        pytest.param(close, "POST", True, id="idempotent"),
        pytest.param(close, "GET", True, id="a method that aiohttp itself repeats"),
    ],
)
async def test_what_is_not_sent_again(step: Step, method: str, idempotent: bool) -> None:
    """The transport sends nothing twice."""
    with FaultServer(ANSWER, step, ANSWER) as server:
        request = HttpRequest(method, server.url, body=b"{}", idempotent=idempotent)
        async with transport() as each:
            await drained(await each.open(request, Timeout()))
            with pytest.raises(ReadError):
                await each.open(request, Timeout())
        assert 2 == len(server.requests)


@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_a_fresh_connection_is_never_replayed(method: str) -> None:
    """A connection that had not served before counts as an attempt, whatever the method."""
    with FaultServer(close, ANSWER) as server:
        async with transport() as each:
            with pytest.raises(ReadError):
                await each.open(HttpRequest(method, server.url), Timeout())
        assert 1 == len(server.requests)


async def test_words_that_nobody_asked_for() -> None:
    """What a server says on an idle connection is no reply to the next request."""

    async def answer_twice(peer: Peer) -> None:
        await peer.send(ANSWER)
        await asyncio.sleep(0.03)
        await peer.send(reply(408))

    said = list[bool]()
    with FaultServer(noting(answer_twice, said), ANSWER) as server:
        async with client_of(server) as client:
            await client.acompletion(MODEL, HI)
            assert await wait_for_async(lambda: bool(said))
            await asyncio.sleep(0.02)
            assert "Hi" == (await client.acompletion(MODEL, HI)).text
        assert 2 == server.connections


async def test_words_before_the_first_request() -> None:
    """A server that answers before it is asked is taken at its word, not called again for ever."""

    async def hurry(peer: Peer) -> None:
        await peer.send(ANSWER)

    with FaultServer(on_connect=hurry) as server:
        async with client_of(server) as client:
            assert "Hi" == (await client.acompletion(MODEL, HI)).text


async def test_closing_during_a_call() -> None:
    """A call whose client is closed meanwhile raises ClosedError; so does every later one."""
    with FaultServer(hang) as server:
        client = client_of(server)
        call = asyncio.ensure_future(client.acompletion(MODEL, HI))
        assert await wait_for_async(lambda: bool(server.requests))
        await client.aclose()
        with pytest.raises(ClosedError) as caught:
            await call
        assert is_ours(caught.value)
        with pytest.raises(ClosedError):
            await client.acompletion(MODEL, HI)


async def drained(incoming: Any) -> bytes:
    """The whole body, and the connection given back."""
    pieces = list[bytes]()
    while piece := await incoming.read():
        pieces.append(piece)
    incoming.close()
    return b"".join(pieces)


async def test_pieces_are_given_as_they_come() -> None:
    """A piece is delivered when it arrives, not with the next, also of a compressed body."""
    pressing = zlib.compressobj(wbits=16 + zlib.MAX_WBITS)
    pressed = [
        pressing.compress(each) + pressing.flush(zlib.Z_SYNC_FLUSH) for each in (b"one", b"two")
    ]
    for encoding, pieces in (
        ("identity", [b"one", b"two"]),
        ("gzip", [pressed[0], pressed[1] + pressing.flush()]),
    ):
        step = then(head(content_encoding=encoding), *pieces, pause=0.03, last=close)
        with FaultServer(step) as server:
            async with transport() as each:
                incoming = await each.open(HttpRequest("GET", server.url), Timeout())
                assert [b"one", b"two", b""] == [await incoming.read() for _ in range(3)]
                incoming.close()


async def test_header_names_are_in_lower_case() -> None:
    """However a server spells them, so that limits and request ids are found."""
    with FaultServer(reply(body=COMPLETION, **{"X-RateLimit-Left": "9", "X-Request-ID": "r"})) as (
        server
    ):
        async with client_of(server) as client:
            answer = await client.acompletion(MODEL, HI)
    assert {"x-ratelimit-left": "9"} == answer.rate_limit
    assert "r" == answer.request_id
