"""The transport: the path of a request, connections that are not made, TLS, proxies."""

from __future__ import annotations

import resource
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import trustme

from llmgate.errors import (
    ConnectError,
    DeadlineExceededError,
    InvalidRequestError,
    ReadError,
    TLSError,
)
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings, Stats
from tests.faults.calls import HI, MODEL, client_of, is_ours
from tests.faults.networks import black_hole
from tests.faults.peer import Peer
from tests.faults.server import FaultServer, head, reset, then
from tests.transport.calls import ANSWER, PATHS, failure_of, transport


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port on which nobody listens."""
    with socket.socket() as holder:
        holder.bind(("127.0.0.1", 0))
        yield holder.getsockname()[1]


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
