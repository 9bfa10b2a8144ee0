"""Through a client against a server on the loopback: what users see, and what Cohere sees."""

from __future__ import annotations

import json
import logging
import threading
import traceback
from collections.abc import AsyncIterator, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.errors import (
    AuthenticationError,
    ContextWindowError,
    LLMGateError,
    MissingKeyError,
    ServerError,
    StreamTruncatedError,
)
from llmgate.types import Completion
from llmgate_cohere import Cohere

KEY = "co-canary-5b1c0f9e7d3a"
MODEL = "command-nightly"
HI = [{"role": "user", "content": "Hi"}]
CITY = {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]}
WEATHER = {"name": "find-weather", "parameters": CITY}
TOOL = {"type": "function", "function": WEATHER}
USAGE = {
    "billed_units": {"input_tokens": 1, "output_tokens": 2},
    "tokens": {"input_tokens": 7, "output_tokens": 3},
}
CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "find_weather", "arguments": '{"city":"Rome"}'},
}
SAID: dict[str, Any] = {"content": [{"type": "text", "text": "Hello"}]}
CALLED: dict[str, Any] = {"tool_plan": "I look.", "tool_calls": [CALL]}


def events_of(message: dict[str, Any], reason: str) -> list[dict[str, Any]]:
    """The events of a message, its texts and arguments in two pieces."""
    events: list[dict[str, Any]] = [
        {"type": "message-start", "id": "r1", "delta": {"message": {"role": "assistant"}}}
    ]

    def add(kind: str, index: int, said: Any = None) -> None:
        delta = {} if said is None else {"delta": {"message": said}}
        events.append({"type": kind, "index": index, **delta})

    for index, item in enumerate(message.get("content", [])):
        add("content-start", index, {"content": {"type": "text", "text": item["text"][:2]}})
        add("content-delta", index, {"content": {"text": item["text"][2:]}})
        add("content-end", index)
    if plan := message.get("tool_plan"):
        add("tool-plan-delta", 0, {"tool_plan": plan})
    for index, call in enumerate(message.get("tool_calls", [])):
        name, arguments = call["function"]["name"], call["function"]["arguments"]
        begun = {**call, "function": {"name": name, "arguments": arguments[:3]}}
        add("tool-call-start", index, {"tool_calls": begun})
        rest = {"tool_calls": {"function": {"arguments": arguments[3:]}}}
        add("tool-call-delta", index, rest)
        add("tool-call-end", index)
    last = {"type": "message-end", "delta": {"finish_reason": reason, "usage": USAGE}}
    return [*events, last]


class Server(ThreadingHTTPServer):
    """Cohere, as far as it is needed: ``message`` is what it says, ``refusals`` come before."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.message = SAID
        self.reason = "COMPLETE"
        self.is_cut = False
        self.refusals: list[tuple[int, dict[str, Any]]] = []
        self.bodies: list[Any] = []
        self.tokens: set[str | None] = set()
        self.paths: set[str] = set()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def reply(self, *, stream: bool) -> bytes:
        if not stream:
            whole = {"id": "r1", "finish_reason": self.reason, "usage": USAGE}
            return json.dumps({**whole, "message": {"role": "assistant", **self.message}}).encode()
        events = events_of(self.message, self.reason)[: -1 if self.is_cut else None]
        texts = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        return "".join(texts if self.is_cut else [*texts, "data: [DONE]\n\n"]).encode()


class Handler(BaseHTTPRequestHandler):
    """One request."""

    server: Server  # pyright: ignore[reportIncompatibleVariableOverride] # of no other

    def do_POST(self) -> None:
        server = self.server
        asked = json.loads(self.rfile.read(int(self.headers.get("content-length") or 0)))
        server.bodies.append(asked)
        server.paths.add(self.path)
        server.tokens.add(self.headers.get("authorization"))
        status, refusal = server.refusals.pop(0) if server.refusals else (200, {})
        is_stream = status == 200 and asked["stream"]
        body = server.reply(stream=is_stream) if status == 200 else json.dumps(refusal).encode()
        self.send_response(status)
        self.send_header("content-type", "text/event-stream" if is_stream else "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

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
    async with Client(providers={"cohere": Cohere(api_key=KEY, base_url=server.url)}) as made:
        yield made


async def ask(client: Client, messages: Any = HI, **options: Any) -> Completion:
    """The whole answer, streamed or not."""
    if options.pop("stream", False):
        stream: Stream = await client.acompletion(MODEL, messages, stream=True, **options)
        return await stream.completion()
    answer: Completion = await client.acompletion(MODEL, messages, stream=False, **options)
    return answer


@pytest.mark.parametrize("stream", [False, True])
async def test_an_answer(client: Client, server: Server, stream: bool) -> None:
    """An old bare name goes to Cohere's second version, with the key."""
    answer = await ask(client, stream=stream, temperature=0.5, user="u")
    assert ("Hello", "stop", "command-nightly", 10) == (
        answer.text,
        answer.choices[0].finish_reason,
        answer.model,
        answer.usage.total_tokens if answer.usage else None,
    )
    assert ["user"] == [deviation.path for deviation in answer.report]
    body = {"model": "command-nightly", "messages": HI, "temperature": 0.5, "stream": stream}
    assert [body] == server.bodies
    assert {f"Bearer {KEY}"} == server.tokens
    assert {"/v2/chat"} == server.paths


async def test_text_arrives_in_pieces(client: Client) -> None:
    """A stream is the text, piece by piece."""
    stream = await client.acompletion("cohere/command-r", HI, stream=True)
    assert ["He", "llo"] == [text async for text in stream.text()]


@pytest.mark.parametrize("stream", [False, True])
async def test_tools(client: Client, server: Server, stream: bool) -> None:
    """Calls have the names that were given, and go back with their plan and results."""
    server.message, server.reason = CALLED, "TOOL_CALL"
    choice = (await ask(client, tools=[TOOL], stream=stream)).choices[0]
    assert ("tool_calls", "I look.") == (choice.finish_reason, choice.message.reasoning_content)
    (call,) = choice.message.tool_calls or []
    assert call.function is not None
    assert ("find-weather", {"city": "Rome"}) == (
        call.function.name,
        call.function.parse_arguments(),
    )
    result = {"role": "tool", "tool_call_id": call.id, "content": "Sunny"}
    await ask(client, [*HI, choice.message, result], tools=[TOOL])
    assert [*HI, {"role": "assistant", **CALLED}, result] == server.bodies[-1]["messages"]


@pytest.mark.parametrize("stream", [False, True])
async def test_legacy_functions(client: Client, server: Server, stream: bool) -> None:
    """They are sent as tools, and answered in their own form."""
    server.message, server.reason = CALLED, "TOOL_CALL"
    choice = (await ask(client, functions=[WEATHER], stream=stream)).choices[0]
    assert choice.message.function_call is not None
    assert ("find-weather", "function_call") == (
        choice.message.function_call.name,
        choice.finish_reason,
    )
    assert "tools" in server.bodies[0]


# --- errors -------------------------------------------------------------------------------


@pytest.mark.parametrize("stream", [False, True])
async def test_refusals(client: Client, server: Server, stream: bool) -> None:
    """A refusal is the error of its status or code, with Cohere's words."""
    too_long = {"message": "too many", "error_type": "TOO_MANY_TOKENS", "id": "r7"}
    server.refusals = [(401, {"message": "no key"}), (400, too_long)]
    with pytest.raises(AuthenticationError, match="no key"):
        await ask(client, stream=stream)
    with pytest.raises(ContextWindowError) as caught:
        await ask(client, stream=stream)
    error = caught.value
    assert ("r7", "cohere", "command-nightly") == (error.request_id, error.provider, error.model)


@pytest.mark.parametrize("stream", [False, True])
async def test_what_passes_is_tried_again(client: Client, server: Server, stream: bool) -> None:
    """An overloaded Cohere is asked again."""
    server.refusals = [(503, {"message": "busy"})]
    assert "Hello" == (await ask(client, stream=stream)).text
    assert 2 == len(server.bodies)


@pytest.mark.parametrize("stream", [False, True])
async def test_failed_answers(client: Client, server: Server, stream: bool) -> None:
    """A generation that failed is an error, though its status was 200."""
    server.reason = "ERROR"
    with pytest.raises(ServerError) as caught:
        await ask(client, stream=stream, max_retries=0)
    assert "ERROR" == caught.value.code


async def test_a_cut_stream(client: Client, server: Server) -> None:
    """A stream without its end is refused, with what had come, which can be sent back."""
    server.is_cut = True
    with pytest.raises(StreamTruncatedError) as caught:
        await ask(client, stream=True)
    partial = caught.value.partial
    assert partial is not None
    assert "Hello" == partial.text
    await ask(client, [*HI, partial.choices[0].message, *HI])
    assert {"role": "assistant", "content": "Hello"} == server.bodies[-1]["messages"][1]


# --- settings and secrets -----------------------------------------------------------------


async def test_settings_of_a_call(server: Server) -> None:
    """A key and an address may be given with the call; another host gets no other key."""
    async with Client() as client:
        options: dict[str, Any] = {"base_url": server.url, "api_key": "co-other"}
        await client.acompletion("command-r", HI, **options)
        with pytest.raises(MissingKeyError, match="COHERE_API_KEY"):
            await client.acompletion("command-r", HI)
    assert {"Bearer co-other"} == server.tokens


@pytest.mark.parametrize("stream", [False, True])
async def test_the_key_shows_nowhere(
    client: Client, server: Server, stream: bool, caplog: pytest.LogCaptureFixture
) -> None:
    """It is in no error, traceback, event or log, also where the server repeats it."""
    events: list[Any] = []
    for text in ("bad key", f"bad key: {KEY}"):
        server.refusals = [(401, {"message": text})]
        with caplog.at_level(logging.DEBUG), pytest.raises(LLMGateError) as caught:
            await ask(client, stream=stream, hooks=[events.append])
        error, locals_too = caught.value, KEY not in text  # what a server sent is in a local
        told = traceback.TracebackException.from_exception(error, capture_locals=locals_too)
        for line in ("".join(told.format()), f"{error!r}{error}{vars(error)!r}"):
            assert KEY not in line
    await client.aclose()  # which waits for hooks
    assert events
    assert KEY not in repr(events)
    assert KEY not in caplog.text
