"""The pages about logs, proxies, web services, notebooks and security: their programs run."""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import sys
from contextlib import suppress
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any, cast

import pytest
import trustme

from llmgate import Client, ClosedError, LLMGateError, ReadError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, Fault, server
from llmgate.testing.canned import Answerer
from llmgate.testing.mock_server.answers import Answer
from tests.shown import CODE, ROOT, check_page, pattern_of, programs_of, run_programs
from tests.test_docs import run_in_order

LOGGED: list[Answer] = ["Paris.", Fault("rate_limit", {"retry_after": 0}), *["Hello."] * 5]


def test_log_lines_are_those_of_the_page(tmp_path: Path) -> None:
    """To the letter, but for ids, seconds and the server's address."""
    with server(LOGGED) as mock:
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": mock.base_url("openai")}
        assert 4 == check_page("logging-and-traces", tmp_path, environment)


def test_keys_show_nowhere(tmp_path: Path) -> None:
    """A key of a file is used without its line end; one that a server repeats is redacted."""
    (tmp_path / "key.txt").write_text("sk-of-the-file\n", "utf-8")
    said = {"error": {"message": "Incorrect API key provided: sk-wrong", "code": "invalid_api_key"}}
    with server(["Hello.", Canned.json(said, status=401)]) as mock:
        environment = {"OPENAI_API_KEY": "none", "OPENAI_BASE_URL": mock.base_url("openai")}
        assert 2 == check_page("security", tmp_path, environment)


# --- the service of docs/web-services.md --------------------------------------------------------

HI = {"text": "Hi"}


class Visitor:
    """A client of an ASGI application, which may leave before its response is whole."""

    def __init__(self, app: Any, path: str) -> None:
        self._app, self._path = app, path
        self.left = asyncio.Event()
        self.status = 0
        self.body = b""
        self.came = asyncio.Event()

    async def visit(self) -> None:
        """Send a question and receive what comes."""
        asked: list[Any] = [
            {"type": "http.request", "body": json.dumps(HI).encode(), "more_body": False}
        ]
        kind, headers = "http", [(b"content-type", b"application/json")]
        scope: dict[str, Any] = {
            "type": kind,
            "method": "POST",
            "path": self._path,
            "headers": headers,
        }
        scope |= {"query_string": b"", "http_version": "1.1", "asgi": {"version": "3.0"}}

        async def receive() -> Any:
            if asked:
                return asked.pop()
            await self.left.wait()
            return {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            self.status = message.get("status", self.status)
            self.body += message.get("body", b"")
            if self.body:
                self.came.set()

        await self._app(scope, receive, send)


@pytest.fixture(scope="module")
def service() -> dict[str, Any]:
    """What the four parts of the page define."""
    text = (ROOT / "docs" / "web-services.md").read_text(encoding="utf-8")
    parts = CODE.findall(text)
    assert 4 == len(parts)
    module = ModuleType("the_pages_service")
    sys.modules[module.__name__] = module  # FastAPI reads annotations there
    exec(compile("".join(parts), "web-services.md", "exec"), module.__dict__)  # noqa: S102 # ours
    return module.__dict__


def of(answer: str, *, hang: bool = False) -> Canned:
    """A stream of OpenAI's with one chunk, whose rest may never come."""
    empty: dict[str, str] = {}
    chunk: Any = {"choices": [{"index": 0, "delta": {"content": answer}}]}
    last: Any = {"choices": [{"index": 0, "delta": empty, "finish_reason": "stop"}]}
    lines = [f"data: {json.dumps(each)}\n\n" for each in ([chunk] if hang else [chunk, last])]
    body = [*lines] if hang else [*lines, "data: [DONE]\n\n"]
    return Canned(
        200, {"content-type": "text/event-stream"}, [each.encode() for each in body], hang=hang
    )


def whole(answer: str) -> Canned:
    """The same, whole."""
    message = {"role": "assistant", "content": answer}
    return Canned.json({"choices": [{"index": 0, "message": message, "finish_reason": "stop"}]})


def client_with(
    *responses: Canned | LLMGateError | Answerer,
) -> tuple[Client, CannedTransport]:
    """A client that is answered from memory, by responses or by what makes them."""
    first = responses[0]
    transport = CannedTransport(first if callable(first) else cast("Any", responses))
    return Client(transport=transport, max_retries=0), transport


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    """A key that nobody checks."""
    monkeypatch.setenv("OPENAI_API_KEY", "none")


async def test_the_service_makes_and_closes_its_client(service: dict[str, Any]) -> None:
    """In its lifespan."""
    app = service["app"]
    async with service["lifespan"](app):
        client = app.state.llm
        client.preview("openai/gpt-4o", [{"role": "user", "content": "Hi"}])
    with pytest.raises(ClosedError):
        await client.acompletion("openai/gpt-4o", [{"role": "user", "content": "Hi"}])


async def test_the_service_responds(service: dict[str, Any]) -> None:
    """Whole, streamed, and from a thread."""
    app = service["app"]
    app.state.llm, transport = client_with(whole("Paris."), of("Paris."), whole("Paris."))
    visits = [Visitor(app, path) for path in ("/ask", "/stream", "/threaded")]
    for each in visits:
        await each.visit()
    assert [200] * 3 == [each.status for each in visits]
    assert "Paris." == json.loads(visits[0].body)["choices"][0]["message"]["content"]
    assert b'data: {"text": "Paris."}\n\ndata: [DONE]\n\n' == visits[1].body
    assert b'"Paris."' == visits[2].body
    assert 0 == transport.still_open


@pytest.mark.parametrize("path", ["/ask", "/stream"])
async def test_a_client_that_leaves_ends_the_call(service: dict[str, Any], path: str) -> None:
    """The connection to the provider is closed while the provider still has something to say."""
    app = service["app"]
    hanging = of("Par", hang=True) if path == "/stream" else Canned(hang=True)
    asked = asyncio.Event()

    def respond(_: HttpRequest) -> Canned:
        asked.set()
        return hanging

    app.state.llm, transport = client_with(respond)
    visitor = Visitor(app, path)
    visit = asyncio.ensure_future(visitor.visit())
    await asyncio.wait_for((visitor.came if path == "/stream" else asked).wait(), 20)
    assert 1 == transport.still_open
    visitor.left.set()
    await asyncio.wait([visit], timeout=20)
    assert visit.done()
    assert 0 == transport.still_open
    if path == "/ask":
        assert visit.cancelled() or isinstance(visit.exception(), asyncio.CancelledError)


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        (Canned.json({"error": {"message": "wait"}}, status=429), (429, {"error": "busy"})),
        (
            Canned.json({"error": {"message": "secret"}}, status=500),
            (502, {"error": "ServerError"}),
        ),
        (ReadError("reset"), (502, {"error": "ReadError"})),
    ],
)
async def test_errors_of_the_service(
    service: dict[str, Any], answer: Canned | LLMGateError, expected: tuple[int, Any]
) -> None:
    """A status, and no word of the provider's."""
    app = service["app"]
    app.state.llm, _ = client_with(answer)
    visitor = Visitor(app, "/ask")
    await visitor.visit()
    assert expected == (visitor.status, json.loads(visitor.body))


# --- docs/proxies-and-certificates.md -----------------------------------------------------------


async def answer_hello(
    visitors: list[bool], reader: asyncio.StreamReader, writer: asyncio.StreamWriter
) -> None:
    """One response of OpenAI's shape to whatever was asked; whether by who has a certificate."""
    visitors.append(bool(writer.get_extra_info("peercert")))
    with suppress(OSError, asyncio.IncompleteReadError):
        await reader.readuntil(b"\r\n\r\n")
        body = whole("Hello.").body
        assert isinstance(body, bytes)
        head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n"
        writer.write(head % len(body) + body)
        await writer.drain()
    writer.close()


async def test_the_page_about_proxies_and_certificates(tmp_path: Path) -> None:
    """Its programs reach a server by a proxy, by the environment's, and by certificates: one by
    each authority, and one that asks for a certificate of its client."""
    authority: Any = trustme.CA()
    other: Any = trustme.CA()
    authority.cert_pem.write_to_path(str(tmp_path / "company-ca.pem"))
    other.issue_cert("client.test").private_key_and_cert_chain_pem.write_to_path(
        str(tmp_path / "client.pem")
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("localhost").configure_cert(context)
    other.configure_trust(context)
    context.verify_mode = ssl.CERT_OPTIONAL
    visitors: list[bool] = []
    answer = partial(answer_hello, visitors)
    tls = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=context)
    port = str(tls.sockets[0].getsockname()[1])
    async with tls:
        with server(["Hello."] * 2) as mock:
            programs = [
                (
                    code.replace("http://proxy.example:3128", mock.url).replace("8443", port),
                    shown,
                )
                for code, shown in programs_of("proxies-and-certificates")
            ]
            environment = {
                "OPENAI_API_KEY": "none",
                "OPENAI_BASE_URL": "http://model.test/openai/v1",
                "HTTP_PROXY": mock.url,
                "NO_PROXY": "",
            }
            codes = [code for code, _ in programs]
            printed = await asyncio.to_thread(run_programs, codes, tmp_path, environment)
            assert 2 == len(mock.requests)
    assert 5 == len(printed)
    assert [False, True] == visitors  # the first did not get so far
    for (code, shown), said in zip(programs, printed, strict=True):
        assert re.fullmatch(pattern_of(shown), said), f"{code}\n{said}"


def test_notebooks_run(capsys: pytest.CaptureFixture[str]) -> None:
    """The cells of the page run one after the other, in a loop that runs."""
    asyncio.run(run_in_order(ROOT / "docs" / "notebooks.md"))
    printed = capsys.readouterr().out
    assert re.search(r"^Usage\(prompt_tokens=\d+, completion_tokens=\d+,", printed, re.MULTILINE)
    assert re.search(r"^0 \S.*(?:\n.*)*^1 \S", printed, re.MULTILINE)
