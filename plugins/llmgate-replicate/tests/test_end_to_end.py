"""Through a client against a server on the loopback: what users see, and what Replicate sees."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.errors import (
    StreamTruncatedError,
)
from llmgate.types import Completion
from llmgate_replicate import Replicate

SCHEMAS: dict[str, Any] = json.loads((Path(__file__).parent / "schemas.json").read_text())
KEY = "r8_canary_5b1c0f9e7d3a"
MODEL = "replicate/acme/chat"
HI = [{"role": "user", "content": "Hi"}]
TOOL = {"type": "function", "function": {"name": "find_weather", "description": "Weather"}}
CALLED = '<tool_call>{"name": "find_weather", "arguments": {"city": "Rome"}}</tool_call>'


class Server(ThreadingHTTPServer):
    """Replicate, as far as it is needed: one model, one prediction.

    ``texts`` is its output, ``state`` how it ends, and ``refusals`` are statuses that come before.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.texts = ["Hel", "lo"]
        self.state = "succeeded"
        self.error: str | None = None
        self.has_stream = True
        self.ends_stream = True
        self.polls = 0
        self.refusals: list[int] = []
        self.seen: list[tuple[str, str]] = []
        self.bodies: list[Any] = []
        self.tokens: set[str | None] = set()
        self.polled = threading.Event()
        self.cancelled = threading.Event()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def prediction(self, state: str) -> dict[str, Any]:
        urls = {"stream": f"{self.url}/stream/p1"} if self.has_stream else {}
        made: dict[str, Any] = {"id": "p1", "model": "acme/chat", "status": state, "urls": urls}
        if state == "succeeded":
            made |= {"output": self.texts}
            made |= {"metrics": {"input_token_count": 3, "output_token_count": 2}}
        return {**made, "error": self.error}

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that leaves is no error here."""


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] # of no other
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._note()
        match self.path:
            case "/v1/models/acme/chat":
                version = {"id": "v1", "openapi_schema": SCHEMAS["openai"]}
                self._json(200, {"is_official": True, "latest_version": version})
            case "/v1/predictions/p1":
                self.server.polls -= 1
                self.server.polled.set()
                state = self.server.state if self.server.polls < 0 else "processing"
                self._json(200, self.server.prediction(state))
            case "/stream/p1":
                self._stream()
            case _:
                self._json(404, {"detail": "Not found."})

    def do_POST(self) -> None:
        self._note()
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        if self.path.endswith("/cancel"):
            self.server.cancelled.set()
            self._json(200, self.server.prediction("canceled"))
        elif self.server.refusals:
            status = self.server.refusals.pop(0)
            detail = f"No: {self.headers.get('authorization')}"
            self._json(status, {"title": "No", "detail": detail, "status": status})
        else:
            self.server.bodies.append(json.loads(body))
            self._json(201, self.server.prediction("starting"))

    def _note(self) -> None:
        self.server.seen.append((self.command, self.path))
        self.server.tokens.add(self.headers.get("authorization"))

    def _json(self, status: int, payload: Any) -> None:
        body = json.dumps(payload).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def _stream(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/event-stream")
        self.send_header("connection", "close")
        self.end_headers()
        for text in self.server.texts:
            self.wfile.write(f"event: output\nid: 1:0\ndata: {text}\n\n".encode())
            self.wfile.flush()
        if self.server.state == "processing":
            self.server.cancelled.wait(10)
        elif self.server.error is not None:
            self.wfile.write(f"event: error\ndata: {self.server.error}\n\n".encode())
        elif self.server.ends_stream:
            self.wfile.write(b"event: done\ndata: {}\n\n")
        self.close_connection = True

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing on the console."""


@pytest.fixture
def server() -> Iterator[Server]:
    """A server in a thread of its own."""
    with Server() as made:
        thread = threading.Thread(target=made.serve_forever, args=(0.01,))
        thread.start()
        yield made
        made.shutdown()
        thread.join()


@pytest.fixture
async def client(server: Server) -> AsyncIterator[Client]:
    """A client whose provider talks to it."""
    provider = Replicate(api_key=KEY, base_url=server.url, poll_interval=0.01)
    async with Client(providers={"replicate": provider}) as made:
        yield made


async def ask(client: Client, messages: Any = HI, **options: Any) -> Completion:
    """The whole answer, streamed or not."""
    if options.pop("stream", False):
        stream: Stream = await client.acompletion(MODEL, messages, stream=True, **options)
        return await stream.completion()
    answer: Completion = await client.acompletion(MODEL, messages, stream=False, **options)
    return answer


async def test_a_whole_answer(client: Client, server: Server) -> None:
    """The model is described, the prediction made, and waited for."""
    server.polls = 2
    answer = await client.acompletion(MODEL, HI, max_tokens=50)
    assert "Hello" == answer.text
    assert answer.usage is not None
    assert 5 == answer.usage.total_tokens
    assert [
        ("GET", "/v1/models/acme/chat"),
        ("POST", "/v1/models/acme/chat/predictions"),
        *[("GET", "/v1/predictions/p1")] * 3,
    ] == server.seen
    assert [{"input": {"prompt": "Hi", "max_completion_tokens": 50}}] == server.bodies
    assert {f"Bearer {KEY}"} == server.tokens
    assert not server.cancelled.is_set()


async def test_a_stream(client: Client, server: Server) -> None:
    """Text arrives piece by piece; the prediction that ended is not cancelled."""
    stream = await client.acompletion(MODEL, HI, stream=True)
    assert ["Hel", "lo"] == [text async for text in stream.text()]
    assert "stop" == (await stream.completion()).choices[0].finish_reason
    assert ("GET", "/stream/p1") == server.seen[-1]
    assert not server.cancelled.is_set()


async def test_a_stream_of_a_model_that_has_none(client: Client, server: Server) -> None:
    """The answer comes as one piece, which the report says."""
    server.has_stream = False
    stream = await client.acompletion(MODEL, HI, stream=True)
    answer = await stream.completion()
    assert "Hello" == answer.text
    assert "stream" in stream.report
    assert answer.usage is not None


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: Client, server: Server, stream: bool) -> None:
    """Calls are read from the text, and their results go back in words."""
    server.texts = [CALLED[:20], CALLED[20:]]
    choice = (await ask(client, tools=[TOOL], stream=stream)).choices[0]
    assert "tool_calls" == choice.finish_reason
    (call,) = choice.message.tool_calls or []
    assert call.function is not None
    assert {"city": "Rome"} == call.function.parse_arguments()
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}
    await ask(client, [*HI, choice.message, result], tools=[TOOL])
    sent = server.bodies[-1]["input"]["messages"]
    assert "Rome" in sent[-2]["content"]
    assert "Sunny" in sent[-1]["content"]


async def test_an_answer_goes_back_as_it_came(client: Client, server: Server) -> None:
    """The message of an answer is the assistant's next time, without its reasoning."""
    server.texts = ["<think>Hm.</think>", "Hello"]
    answer = await client.acompletion(MODEL, HI)
    message = answer.choices[0].message
    assert ("Hello", "Hm.") == (message.content, message.reasoning_content)
    again = await client.acompletion(MODEL, [*HI, message, *HI])
    sent = server.bodies[-1]["input"]["messages"]
    assert {"role": "assistant", "content": "Hello"} == sent[1]
    assert "messages[1].reasoning_content" in again.report


# --- errors -------------------------------------------------------------------------------


async def test_a_cut_stream_is_an_error_with_what_came(client: Client, server: Server) -> None:
    """The partial answer is kept, and the prediction cancelled."""
    server.ends_stream = False
    stream = await client.acompletion(MODEL, HI, stream=True)
    with pytest.raises(StreamTruncatedError) as caught:
        await stream.completion()
    assert caught.value.partial is not None
    assert "Hello" == caught.value.partial.text
    assert server.cancelled.wait(20)


# --- leaving ------------------------------------------------------------------------------


async def test_cancelling_the_task_cancels_the_prediction(client: Client, server: Server) -> None:
    """Dropping the connection alone would leave it running, and billed."""
    server.state = "processing"
    task = asyncio.create_task(client.acompletion(MODEL, HI))
    await asyncio.to_thread(server.polled.wait, 20)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert server.cancelled.is_set()
    assert ("POST", "/v1/predictions/p1/cancel") in server.seen


@pytest.mark.parametrize("how", ["let go", "aclose"])
async def test_leaving_a_stream_cancels_the_prediction(
    client: Client, server: Server, how: str
) -> None:
    """However it is left."""
    server.state = "processing"
    stream = await client.acompletion(MODEL, HI, stream=True)
    async for _ in stream:
        break
    if how == "aclose":
        await stream.aclose()
    del stream
    assert await asyncio.to_thread(server.cancelled.wait, 20)
