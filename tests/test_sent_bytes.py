"""What goes over the wire is the request as it was authorized, byte for byte."""

from __future__ import annotations

from importlib.util import find_spec

import pytest

from llmgate import Client
from llmgate.errors import InvalidRequestError
from llmgate.options import Timeout
from llmgate.provider.http import HttpRequest
from llmgate.transports.aiohttp import AiohttpTransport, HttpSettings
from tests.faults.calls import AT_ONCE, HI, KEY, MODEL
from tests.faults.peer import Peer
from tests.faults.server import COMPLETION, FaultServer, reply
from tests.test_signing import Signer

PATHS = ["public", "fast"] if find_spec("llmgate.transports._fast") else ["public"]
ANSWER = reply(body=COMPLETION)
LARGE = 1024 * 1024 + 1
"""Bytes of a body that is sent in pieces."""


@pytest.fixture(autouse=True, params=PATHS)
def path(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """The way that requests take: each test is played on both."""
    name: str = request.param
    monkeypatch.setenv("LLMGATE_FAST_PATH", "1" if name == "fast" else "0")
    return name


class Recorded:
    """A server that keeps the bytes it was sent, and answers with these statuses, then with 200."""

    def __init__(self, *statuses: int, host: str = "127.0.0.1") -> None:
        self.requests = list[bytes]()
        self._statuses = list(statuses)
        self.server = FaultServer(on_connect=self._serve, host=host)

    async def _serve(self, peer: Peer) -> None:
        while not peer.gone.is_set():
            received = b""
            while not _is_whole(received):
                await peer.arrived()
                if peer.gone.is_set():
                    return
                received += peer.taken()
            self.requests.append(received)
            status = self._statuses.pop(0) if self._statuses else 200
            await peer.send(ANSWER if status == 200 else reply(status))


def _is_whole(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    length = b"0"
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b": ")
        if name.lower() == b"content-length":
            length = value
    return bool(blank) and len(body) >= int(length)


async def sent(request: HttpRequest, recorded: Recorded) -> bytes:
    """The bytes of one request."""
    transport = await AiohttpTransport.start(HttpSettings())
    (await transport.open(request, Timeout())).close()
    await transport.aclose()
    return recorded.requests[-1]


TARGETS = [
    "/model/anthropic.claude-v1%3A0/converse-stream",
    "/a%2Cb%3Dc%26d%40e%7Ef%2Fg%253A?x=%3A%2C&y=%20+%7E&z",
    "/a%3a%3A/./b/../c//d;e=f,g(h)*!$'",
    "/?a[0]=b&c=:,@/?",
    "/x?",
    "/~user/%C3%A9",
]


@pytest.mark.parametrize("target", TARGETS)
async def test_a_url(target: str) -> None:
    """Its path and its query."""
    recorded = Recorded()
    with recorded.server as server:
        url = f"http://127.0.0.1:{server.port}{target}"
        raw = await sent(HttpRequest("GET", url), recorded)
    assert raw.startswith(f"GET {target} HTTP/1.1\r\n".encode())
    assert f"\r\nHost: 127.0.0.1:{server.port}\r\n".encode() in raw


@pytest.mark.parametrize(
    ("end", "target"),
    [("", "/"), ("?a=%3A", "/?a=%3A"), ("/a#b", "/a"), ("#b", "/"), ("/?a#b?c", "/?a")],
)
async def test_what_a_url_leaves_out(end: str, target: str) -> None:
    """A path is never empty, and a fragment is never sent."""
    recorded = Recorded()
    with recorded.server as server:
        url = f"http://127.0.0.1:{server.port}{end}"
        raw = await sent(HttpRequest("GET", url), recorded)
    assert raw.startswith(f"GET {target} HTTP/1.1\r\n".encode())


async def test_an_address_of_ipv6_with_a_user() -> None:
    """The user is no part of the target, nor of the host."""
    recorded = Recorded(host="::1")
    with recorded.server as server:
        url = f"http://me:pass%3Aword@[::1]:{server.port}/a%3Ab"
        raw = await sent(HttpRequest("GET", url), recorded)
    assert raw.startswith(b"GET /a%3Ab HTTP/1.1\r\n")
    assert f"\r\nHost: [::1]:{server.port}\r\n".encode() in raw
    assert b"\r\nAuthorization: Basic bWU6cGFzczp3b3Jk\r\n" in raw  # me:pass:word


@pytest.mark.parametrize(
    "target", ["/a b", "/a|b", "/<a>", "/a\\b", "/é", "/a%", "/a%4", "/a%zz", "/a\r\nX: y", "/a\0"]
)
async def test_a_url_that_cannot_be_sent(target: str) -> None:
    """It is refused before anything is sent; the query is not shown."""
    recorded = Recorded()
    with recorded.server as server:
        for end in (target, f"/?key={KEY}{target}"):
            request = HttpRequest("GET", f"http://127.0.0.1:{server.port}{end}")
            with pytest.raises(InvalidRequestError, match="percent-encoded") as caught:
                await sent(request, recorded)
            assert ("base_url", False) == (caught.value.path, KEY in str(caught.value))
        assert 0 == server.connections


HEADERS = {
    "X-Amz-Date": "20261130T120000Z",
    "authorization": "AWS4-HMAC-SHA256 Credential=a/b, SignedHeaders=host, Signature=c",
    "x-Odd_Name!": '  spaces,\ttabs and "quotes"',
    "X-Empty": "",
}
ADDED = {b"host", b"accept", b"accept-encoding", b"user-agent", b"content-length"}


@pytest.mark.parametrize(
    ("method", "body"),
    [
        ("GET", b""),
        ("POST", b""),
        ("POST", bytes(range(256))),
        ("POST", b"x" * LARGE),
        ("PUT", b"x"),
    ],
)
async def test_headers_and_body(method: str, body: bytes) -> None:
    """Names, values and their order; nothing but what a transport has to add is added."""
    recorded = Recorded()
    with recorded.server as server:
        raw = await sent(HttpRequest(method, f"{server.url}/x", HEADERS, body), recorded)
    head, _, rest = raw.partition(b"\r\n\r\n")
    first, *lines = head.split(b"\r\n")
    assert f"{method} /v1/x HTTP/1.1".encode() == first
    given = [line for line in lines if line.partition(b":")[0].lower() not in ADDED]
    assert [f"{name}: {value}".encode() for name, value in HEADERS.items()] == given
    names = [line.partition(b":")[0].lower() for line in lines]
    assert len(names) == len({*names})
    assert body == rest


async def test_what_is_there_is_not_added() -> None:
    """However it is written."""
    own = {"HOST": "signed.example", "accept": "a/b", "Accept-encoding": "gzip", "user-AGENT": "me"}
    headers = {**own, "CONTENT-length": "2"}
    recorded = Recorded()
    with recorded.server as server:
        raw = await sent(HttpRequest("POST", server.url, headers, b"{}"), recorded)
    lines = raw.partition(b"\r\n\r\n")[0].split(b"\r\n")[1:]
    assert {name.lower(): value for name, value in headers.items()} == {
        name.decode().lower(): value.decode()
        for name, _, value in (line.partition(b": ") for line in lines)
    }
    assert len(headers) == len(lines)


@pytest.mark.parametrize(
    ("method", "headers", "path_of_error"),
    [
        ("get", {}, "method"),
        ("GET /x HTTP/1.1\r\nA: b\r\n\r\nGET", {}, "method"),
        ("", {}, "method"),
        ("POST", {"Content-Length": "3"}, "extra_headers.Content-Length"),
        ("POST", {"transfer-encoding": "chunked"}, "extra_headers.transfer-encoding"),
    ],
)
async def test_a_head_that_cannot_be_sent(
    method: str, headers: dict[str, str], path_of_error: str
) -> None:
    """It is refused before anything is sent."""
    recorded = Recorded()
    with recorded.server as server:
        with pytest.raises(InvalidRequestError) as caught:
            await sent(HttpRequest(method, server.url, headers, b"{}"), recorded)
        assert (path_of_error, 0) == (caught.value.path, server.connections)


async def test_retries_send_the_same_bytes() -> None:
    """But for what is signed anew."""
    recorded = Recorded(503, 503)
    with recorded.server as server:
        signer = Signer(api_key=KEY, base_url=f"{server.url}/a%3Ab%2Cc%7E?d=%3D%26")
        async with Client(providers={"openai": signer}, retry=AT_ONCE) as client:
            await client.acompletion(MODEL, HI)
    first, *others = [_without_signature(raw) for raw in recorded.requests]
    assert [first, first] == others
    assert first.startswith(b"POST /v1/a%3Ab%2Cc%7E/chat/completions?d=%3D%26 HTTP/1.1\r\n")


def _without_signature(raw: bytes) -> bytes:
    lines = raw.split(b"\r\n")
    return b"\r\n".join(line for line in lines if not line.startswith((b"X-Date", b"X-Sig")))
