"""Calls through a client and a socket, to servers that play recordings and check credentials."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib import import_module
from pathlib import Path
from typing import Any, Self
from urllib.parse import parse_qs

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from llmgate import Client
from llmgate.errors import AuthenticationError, LLMGateError
from llmgate.testing import RecordedExchange, load_corpus
from llmgate.types import Completion
from llmgate_gemini import Gemini, VertexAI

CORPUS = Path(__file__).parents[4] / "shared" / "corpus" / "dev"
JWT: Any = import_module("google.auth.jwt")
HI = [{"role": "user", "content": "Hi"}]
KEY = "key-1234567890"


@dataclass(frozen=True)
class Request:
    """What a server was sent; the names of headers are in lower case."""

    path: str
    headers: dict[str, str]
    body: bytes


Answer = tuple[int, bytes]


@dataclass
class Server:
    """A server on loopback, which answers by a function."""

    answer: Callable[[Request], Answer]
    asked: list[Request] = field(default_factory=list[Request])

    def __enter__(self) -> Self:
        owner = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                request = Request(self.path, headers, body)
                owner.asked.append(request)
                status, data = owner.answer(request)
                self.send_response(status)
                self.send_header("content-length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, format: str, *args: object) -> None:
                """Nothing is printed."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._http.server_port}"
        self._thread = threading.Thread(target=self._http.serve_forever, args=(0.01,))
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def refused() -> Answer:
    error = {"code": 401, "message": "no", "status": "UNAUTHENTICATED"}
    return 401, json.dumps({"error": error}).encode()


def recordings(folder: str) -> list[RecordedExchange]:
    path = CORPUS / folder
    found = load_corpus(path, expect=None) if path.is_dir() else []
    return [each for each in found if "endpoint:chat.completions" not in each.tags]


async def asked(
    client: Client, model: str, exchange: RecordedExchange
) -> Completion | LLMGateError:
    """What a call comes to, whole or streamed."""
    try:
        if not exchange.is_stream:
            return await client.acompletion(model, HI, max_retries=0)
        stream = await client.acompletion(model, HI, stream=True, max_retries=0)
        return await stream.completion()
    except LLMGateError as error:
        return error


def check(exchange: RecordedExchange, found: Completion | LLMGateError) -> None:
    """The call has come to what was recorded."""
    if exchange.is_refusal:
        assert isinstance(found, LLMGateError)
        assert exchange.replies[-1].status == found.status
        return
    assert isinstance(found, Completion)
    body = exchange.replies[-1].body.decode()
    assert found.choices[0].finish_reason is not None
    assert not found.id or found.id in body
    for call in found.choices[0].message.tool_calls or ():
        assert call.function is not None
        assert call.function.name in body


async def test_gemini(corpus: Path) -> None:
    """Every recording, from a server that knows one key."""
    played: list[RecordedExchange] = []

    def answer(request: Request) -> Answer:
        reply, is_stream = played[-1].replies[-1], played[-1].is_stream
        method = "streamGenerateContent?alt=sse" if is_stream else "generateContent"
        if request.headers.get("x-goog-api-key") != KEY:
            return refused()
        assert f"/v1beta/models/gemini-x:{method}" == request.path
        return reply.status, reply.body

    with Server(answer) as server:
        provider = Gemini(api_key=KEY, base_url=server.url)
        async with Client(providers={"gemini": provider}) as client:
            for exchange in recordings("gemini"):
                played.append(exchange)
                check(exchange, await asked(client, "gemini/gemini-x", exchange))
            other = provider.configured(api_key="wrong")
        assert 25 <= len(played)
        played.append(next(each for each in played if not each.is_stream))
        async with Client(providers={"gemini": other}) as client:
            with pytest.raises(AuthenticationError):
                await client.acompletion("gemini/gemini-x", HI)


# --- Vertex AI ----------------------------------------------------------------------------


@dataclass
class Google:
    """Grants tokens for assertions of one service account, each once, and refuses all others."""

    token: str = ""
    granted: int = 0
    key: Any = field(
        default_factory=lambda: rsa.generate_private_key(public_exponent=65537, key_size=2048)
    )
    play: Callable[[Request], Answer] = field(default=lambda request: refused())

    def answer(self, request: Request) -> Answer:
        if request.path == "/token":
            return self._grant(request)
        if request.headers.get("authorization") != f"Bearer {self.token}":
            return refused()
        return self.play(request)

    def _grant(self, request: Request) -> Answer:
        assertion = parse_qs(request.body.decode())["assertion"][0]
        public = self.key.public_key().public_bytes(
            serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
        )
        claims = JWT.decode(assertion, certs=public, audience="https://oauth2.googleapis.com/token")
        assert "https://www.googleapis.com/auth/cloud-platform" == claims["scope"]
        self.granted += 1
        self.token = f"token-{self.granted}"
        grant = {"access_token": self.token, "expires_in": 3600, "token_type": "Bearer"}
        return 200, json.dumps(grant).encode()

    def account(self, url: str) -> dict[str, str]:
        pem = self.key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        return {
            "type": "service_account",
            "project_id": "p",
            "private_key": pem.decode(),
            "private_key_id": "1",
            "client_email": "a@p.iam.gserviceaccount.com",
            "token_uri": f"{url}/token",
        }


@pytest.fixture
def google() -> Iterator[tuple[Google, Server, VertexAI]]:
    """The account's server, and a provider that has its credentials."""
    made = Google()
    with Server(made.answer) as server:
        provider = VertexAI(
            credentials=made.account(server.url), location="us-east5", base_url=server.url
        )
        yield made, server, provider


async def test_vertex(corpus: Path, google: tuple[Google, Server, VertexAI]) -> None:
    """Every recording of Vertex AI, by a token that is asked for once."""
    account, _, provider = google
    base = "/v1beta1/projects/p/locations/us-east5/publishers/google/models/gemini-x"
    async with Client(providers={"vertex": provider}) as client:
        for exchange in [each for each in recordings("gemini") if "vertex" in each.tags]:
            if exchange.replies[-1].status == 401:
                continue  # it would be retried with another token

            def play(request: Request, exchange: RecordedExchange = exchange) -> Answer:
                assert request.path.startswith(base)
                return exchange.replies[-1].status, exchange.replies[-1].body

            account.play = play
            check(exchange, await asked(client, "vertex/gemini-x", exchange))
    assert 1 == account.granted


SAID = b'{"candidates": [{"content": {"parts": [{"text": "Hi"}]}, "finishReason": "STOP"}]}'


async def test_one_token_for_parallel_calls(google: tuple[Google, Server, VertexAI]) -> None:
    """And another where it is refused: the call is retried with that."""
    account, server, provider = google
    account.play = lambda request: (200, SAID)
    async with Client(providers={"vertex": provider}) as client:
        calls = [client.acompletion("vertex/gemini-x", HI) for _ in range(20)]
        assert {"Hi"} == {found.text for found in await asyncio.gather(*calls)}
        assert 1 == account.granted
        account.token = "another"  # the one that was granted is not known any more
        found = await client.acompletion("vertex/gemini-x", HI)
        assert ("Hi", 2, 2) == (found.text, account.granted, len(found.attempts))
    assert 2 == sum(request.path == "/token" for request in server.asked)


async def test_claude_on_vertex(corpus: Path, google: tuple[Google, Server, VertexAI]) -> None:
    """Anthropic's recordings of Vertex AI, at the address of the model."""
    account, server, provider = google
    found = [each for each in recordings("anthropic") if "vertex" in each.tags]
    base = "/v1beta1/projects/p/locations/us-east5/publishers/anthropic/models/claude-haiku-4-5"
    async with Client(providers={"vertex": provider}) as client:
        for exchange in found:

            def play(_: Request, body: bytes = exchange.replies[-1].body) -> Answer:
                return 200, body

            account.play = play
            completed = await asked(client, "vertex/claude-haiku-4-5", exchange)
            assert isinstance(completed, Completion)
            assert "tool_calls" == completed.choices[0].finish_reason
            assert f"{base}:streamRawPredict" == server.asked[-1].path
            assert "model" not in json.loads(server.asked[-1].body)
    assert found
