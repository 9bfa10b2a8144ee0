"""A scripted server of OpenAI's format on this machine, and the module as it is at first."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any, cast

import pytest

import llmgate_litellm
from llmgate_litellm import _settings
from llmgate_litellm._models import ModelCost

Answer = dict[str, Any]


def answer(text: str | None = "Good day.", calls: list[Any] | None = None, **more: Any) -> Answer:
    """A chat completion: a text, or calls as pairs of a name and arguments."""
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if calls:
        message["tool_calls"] = [
            {
                "id": f"call_{number}",
                "type": "function",
                "function": {"name": name, "arguments": json.dumps(arguments)},
            }
            for number, (name, arguments) in enumerate(calls)
        ]
    reason = "tool_calls" if calls else "stop"
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1_760_000_000,
        "model": "gpt-4o-2024-08-06",
        "choices": [{"index": 0, "message": message, "finish_reason": reason}],
        "usage": {
            "prompt_tokens": 5,
            "completion_tokens": 7,
            "total_tokens": 12,
            "prompt_tokens_details": {"cached_tokens": 2},
        },
        **more,
    }


def pieces(text: str, size: int = 7) -> Iterator[str]:
    """A text in pieces."""
    return (text[start : start + size] for start in range(0, len(text), size))


def events(whole: Answer, *, usage: bool) -> str:
    """The same as the events of a stream."""
    choice = whole["choices"][0]
    message = choice["message"]
    deltas: list[dict[str, Any]] = [{"role": "assistant", "content": ""}]
    thought = pieces(message.get("reasoning_content") or "")
    deltas += [{"reasoning_content": piece} for piece in thought]
    deltas += [{"content": piece} for piece in pieces(message["content"] or "")]
    for index, call in enumerate(message.get("tool_calls") or ()):
        begun: dict[str, Any] = {**call["function"], "arguments": ""}
        deltas.append({"tool_calls": [{**call, "index": index, "function": begun}]})
        deltas += [
            {"tool_calls": [{"index": index, "function": {"arguments": piece}}]}
            for piece in pieces(call["function"]["arguments"])
        ]
    parts = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    parts.append({"index": 0, "delta": {}, "finish_reason": choice["finish_reason"]})
    about = {key: whole[key] for key in ("id", "created", "model")}
    about["object"] = "chat.completion.chunk"
    chunks: list[dict[str, Any]] = [{**about, "choices": [part]} for part in parts]
    if usage:
        chunks.append({**about, "choices": [], "usage": whole["usage"]})
    return "".join(f"data: {json.dumps(chunk)}\n\n" for chunk in chunks) + "data: [DONE]\n\n"


class Server:
    """What is to be answered, one after the other and the last for good; and what was asked."""

    def __init__(self) -> None:
        self.script: list[Any] = [answer()]
        self.paths: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.address = ""
        self.answer = answer
        self.pause = 0.0
        self.during: Callable[[], Any] = str  # called before each answer

    def __call__(self, *script: Any) -> None:
        """Set the answers: bodies, or pairs of a status and a body."""
        self.script = [*script]

    @property
    def body(self) -> dict[str, Any]:
        """The body of the last request."""
        return self.bodies[-1]

    def next(self) -> tuple[int, Any]:
        """The status and the body of the next answer."""
        item: Any = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(item, tuple):
            status, body = cast("tuple[int, Any]", item)
            return status, body
        return 200, item


def handler(server: Server) -> type[BaseHTTPRequestHandler]:
    """What answers a request."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def log_message(self, format: str, *args: object) -> None:
            """Nothing is printed."""

        def do_POST(self) -> None:
            """Record what is asked, and answer by the script."""
            body: dict[str, Any] = json.loads(self.rfile.read(int(self.headers["content-length"])))
            server.paths.append(self.path)
            server.bodies.append(body)
            server.headers.append({name.lower(): value for name, value in self.headers.items()})
            time.sleep(server.pause)
            server.during()
            status, whole = server.next()
            kind = "application/json"
            data = json.dumps(whole)
            if body.get("stream") and status == 200:
                options: dict[str, Any] = body.get("stream_options") or {}
                wants = bool(options.get("include_usage"))
                kind, data = "text/event-stream", events(whole, usage=wants)
            self.send_response(status)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(data.encode())))
            self.end_headers()
            self.wfile.write(data.encode())

    return Handler


@pytest.fixture(name="server")
def _server() -> Iterator[Server]:
    """A server that is not yet asked anything."""
    server = Server()
    listening = ThreadingHTTPServer(("127.0.0.1", 0), handler(server))
    server.address = f"http://127.0.0.1:{listening.server_port}/v1"
    thread = Thread(target=listening.serve_forever, daemon=True)
    thread.start()
    yield server
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture(name="ask")
def _ask(server: Server) -> Callable[..., Any]:
    """``completion`` of a model at that server."""

    def ask(text: str = "Hi", **arguments: Any) -> Any:
        given: dict[str, Any] = {
            "model": "openai/gpt-4o",
            "api_base": server.address,
            "api_key": "k",
        }
        messages: Any = [{"role": "user", "content": text}]
        completion: Any = llmgate_litellm.completion
        return completion(**{**given, "messages": messages, **arguments})

    return ask


@pytest.fixture(autouse=True)
def _as_at_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of a test before, and no key of the environment."""
    for name, value in _settings.initial().items():
        monkeypatch.setattr(llmgate_litellm, name, value)
    monkeypatch.setattr(llmgate_litellm, "model_cost", ModelCost())
    for name in [name for name in os.environ if name.endswith(("_API_KEY", "_BASE"))]:
        monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    """The event loop that the tests run on."""
    return "asyncio"
