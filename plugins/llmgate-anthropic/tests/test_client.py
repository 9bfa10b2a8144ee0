"""Through ``llmgate.Client`` to a server on this machine: what a user of the provider sees."""

from __future__ import annotations

import json
import logging
import pickle
import threading
import traceback
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from llmgate import Client
from llmgate.errors import (
    AuthenticationError,
    MissingKeyError,
    OverloadedError,
    StreamTruncatedError,
)
from llmgate_anthropic import Anthropic

KEY = "sk-ant-canary-5d41402abc4b2a76"
MODEL = "anthropic/claude-haiku-4-5"
HELLO: list[Any] = [{"role": "user", "content": "Hello"}]
TOOL: Any = {"type": "function", "function": {"name": "now", "parameters": {"type": "object"}}}
MESSAGE: Any = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "claude-haiku-4-5",
    "content": [{"type": "text", "text": "Hi!"}],
    "stop_reason": "end_turn",
    "usage": {"input_tokens": 3, "output_tokens": 2},
}
CALLS: Any = MESSAGE | {
    "content": [
        {"type": "thinking", "thinking": "", "signature": "c2ln"},
        {"type": "tool_use", "id": "toolu_1", "name": "now", "input": {}},
    ],
    "stop_reason": "tool_use",
}


def events_of(message: dict[str, Any]) -> list[dict[str, Any]]:
    """A message as the events of a stream."""
    empty: Any = {**message, "content": [], "stop_reason": None}
    events: list[dict[str, Any]] = [{"type": "message_start", "message": empty}]
    for index, block in enumerate(message["content"]):
        events += [
            {"type": "content_block_start", "index": index, "content_block": block},
            {"type": "content_block_stop", "index": index},
        ]
    end = {"delta": {"stop_reason": message["stop_reason"]}, "usage": message["usage"]}
    return [*events, {"type": "message_delta", **end}, {"type": "message_stop"}]


def sse(events: list[dict[str, Any]]) -> bytes:
    """Events as Anthropic sends them."""
    return b"".join(
        f"event: {event['type']}\ndata: {json.dumps(event)}\n\n".encode() for event in events
    )


@dataclass
class Server:
    """What it answers next, and what it was asked."""

    answers: list[tuple[int, bytes]] = field(default_factory=list[tuple[int, bytes]])
    asked: list[Any] = field(default_factory=list[Any])
    headers: list[dict[str, str]] = field(default_factory=list[dict[str, str]])
    address: str = ""

    def will_say(self, message: dict[str, Any]) -> None:
        """Answer with a message, whole or as events, as it is asked."""
        self.answers.append((200, json.dumps(message).encode()))


@pytest.fixture
def server() -> Iterator[Server]:
    """A server on this machine."""
    state = Server()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["content-length"])))
            state.asked.append(body)
            state.headers.append({name.lower(): value for name, value in self.headers.items()})
            status, said = state.answers.pop(0)
            if status == 200 and body.get("stream") and said[:1] == b"{":
                said = sse(events_of(json.loads(said)))
            self.send_response(status)
            self.send_header("request-id", "req_1")
            self.end_headers()
            self.wfile.write(said)

        def log_message(self, format: str, *values: object) -> None:
            pass

    httpd = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=httpd.serve_forever, daemon=True)
    thread.start()
    state.address = f"http://127.0.0.1:{httpd.server_port}"
    yield state
    httpd.shutdown()
    httpd.server_close()
    thread.join()


@pytest.fixture
def client(server: Server) -> Client:
    """A client of that server, without retries."""
    provider = Anthropic(api_key=KEY, base_url=server.address)
    return Client(providers={"anthropic": provider}, max_retries=0)


async def test_answers(client: Client, server: Server) -> None:
    """A call is answered, with the key in its header, the request id and the report."""
    server.will_say(MESSAGE)
    async with client:
        answer = await client.acompletion("claude-haiku-4-5", HELLO, max_tokens=9)
    assert ("Hi!", "stop", "req_1") == (
        answer.text,
        answer.choices[0].finish_reason,
        answer.request_id,
    )
    assert KEY == server.headers[0]["x-api-key"]
    assert "authorization" not in server.headers[0]
    assert [] == list(answer.report)


async def test_long_answer_comes_as_a_stream(client: Client, server: Server) -> None:
    """Without a limit an answer may be long: it is streamed, put together, and reported."""
    server.will_say(MESSAGE)
    async with client:
        answer = await client.acompletion(MODEL, HELLO)
    assert True is server.asked[0]["stream"]
    assert "Hi!" == answer.text
    assert ["max_tokens", "stream"] == [deviation.path for deviation in answer.report]


async def test_streams(client: Client, server: Server) -> None:
    """A stream gives text piece by piece, and then the whole answer with its usage."""
    server.will_say(MESSAGE)
    async with client:
        stream = await client.acompletion(MODEL, HELLO, stream=True)
        assert ["Hi!"] == [text async for text in stream.text()]
        answer = await stream.completion()
    assert answer.usage is not None
    assert 5 == answer.usage.total_tokens


async def test_tools_and_thoughts_go_round(client: Client, server: Server) -> None:
    """A call is made, its result sent with the signed thought as it came, and answered."""
    server.will_say(CALLS)
    server.will_say(MESSAGE)
    async with client:
        first = await client.acompletion(MODEL, HELLO, tools=[TOOL], max_tokens=9)
        message = first.choices[0].message
        (call,) = message.tool_calls or []
        result = {"role": "tool", "tool_call_id": call.id, "content": "Noon"}
        answer = await client.acompletion(
            MODEL,
            [*HELLO, message, result],
            tools=[TOOL],
            max_tokens=9,
        )
    assert CALLS["content"] == server.asked[1]["messages"][1]["content"]
    assert "Hi!" == answer.text


async def test_legacy_functions(client: Client, server: Server) -> None:
    """Functions in the old form are sent as tools, and answered in the old form."""
    server.will_say(CALLS)
    server.will_say(MESSAGE)
    function = TOOL["function"]
    async with client:
        first = await client.acompletion(MODEL, HELLO, functions=[function], max_tokens=9)
        choice = first.choices[0]
        assert choice.message.function_call is not None
        assert ("function_call", "now") == (choice.finish_reason, choice.message.function_call.name)
        result = {"role": "function", "name": "now", "content": "Noon"}
        await client.acompletion(MODEL, [*HELLO, choice.message, result], max_tokens=9)
    turns = server.asked[1]["messages"]
    kinds = [[block["type"] for block in turn["content"]] for turn in turns]
    assert [["text"], ["thinking", "tool_use"], ["tool_result"]] == kinds
    assert turns[1]["content"][1]["id"] == turns[2]["content"][0]["tool_use_id"]


async def test_error_is_typed(client: Client, server: Server) -> None:
    """A refusal is the error of its status, with Anthropic's code and the request id."""
    error = {"type": "error", "error": {"type": "authentication_error", "message": f"no {KEY}"}}
    server.answers.append((401, json.dumps(error).encode()))
    async with client:
        with pytest.raises(AuthenticationError) as caught:
            await client.acompletion(MODEL, HELLO)
    assert ("authentication_error", "req_1") == (caught.value.code, caught.value.request_id)
    assert KEY not in shown(caught.value)


async def test_error_inside_a_stream_is_typed(client: Client, server: Server) -> None:
    """An error after a 200 has its own status, and what came before it was delivered."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.answers.append((200, sse([*events_of(MESSAGE)[:2], error])))
    async with client:
        stream = await client.acompletion(MODEL, HELLO, stream=True)
        with pytest.raises(OverloadedError) as caught:
            await stream.completion()
    assert (529, True) == (caught.value.status, caught.value.in_stream)


async def test_error_at_the_start_of_a_stream_is_tried_again(server: Server) -> None:
    """A stream that begins with an overload has delivered nothing, and may be asked for again."""
    error = {"type": "error", "error": {"type": "overloaded_error", "message": "Overloaded"}}
    server.answers.append((200, sse([error])))
    server.will_say(MESSAGE)
    provider = Anthropic(api_key=KEY, base_url=server.address)
    async with Client(providers={"anthropic": provider}, max_retries=1) as client:
        stream = await client.acompletion(MODEL, HELLO, stream=True)
        answer = await stream.completion()
    assert ("Hi!", 2) == (answer.text, len(server.asked))


async def test_cut_stream_is_half_an_answer(client: Client, server: Server) -> None:
    """A stream that ends without its end raises, with what came as a message to send back."""
    server.answers.append((200, sse(events_of(MESSAGE)[:-2])))
    async with client:
        stream = await client.acompletion(MODEL, HELLO, stream=True)
        with pytest.raises(StreamTruncatedError) as caught:
            await stream.completion()
    assert caught.value.partial is not None
    assert "Hi!" == caught.value.partial.text


async def test_key_is_shown_nowhere(
    client: Client, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """No repr, text, log line, error or pickle of anything holds the key."""
    caplog.set_level(logging.DEBUG)
    seen: list[Any] = []
    server.will_say(MESSAGE)
    server.answers.append((500, f"failed for {KEY}".encode()))
    async with client:
        answer = await client.acompletion(MODEL, HELLO, hooks=[seen.append])
        with pytest.raises(Exception, match="failed") as caught:
            await client.acompletion(MODEL, HELLO, hooks=[seen.append])
    provider = Anthropic(api_key=KEY)
    things = [answer, provider, vars(provider), seen, caplog.text, shown(caught.value)]
    assert not [thing for thing in things if KEY in f"{thing!r}{thing!s}"]
    for dump in (pickle.dumps, repr):
        assert KEY.encode() not in _dumped(dump, answer)


def shown(error: BaseException) -> str:
    """Everything that an error shows, with its traceback."""
    return f"{error!r}{error!s}{vars(error)!r}{''.join(traceback.format_exception(error))}"


def _dumped(dump: Callable[[Any], Any], thing: Any) -> bytes:
    dumped = dump(thing)
    return dumped if isinstance(dumped, bytes) else str(dumped).encode()


# --- whose key goes where -----------------------------------------------------------------


async def test_missing_key_names_the_variable() -> None:
    """Without a key nothing is sent, and the error says which variable to set."""
    async with Client(providers={"anthropic": Anthropic()}) as client:
        with pytest.raises(MissingKeyError, match="ANTHROPIC_API_KEY"):
            await client.acompletion(MODEL, HELLO)


@pytest.mark.parametrize(
    ("environment", "settings", "expected"),
    [
        ({"ANTHROPIC_API_KEY": "k1"}, {}, {"x-api-key": "k1"}),
        ({"ANTHROPIC_AUTH_TOKEN": "t1"}, {}, {"authorization": "Bearer t1"}),
        ({"ANTHROPIC_API_KEY": "k1", "ANTHROPIC_AUTH_TOKEN": "t1"}, {}, {"x-api-key": "k1"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"api_key": "k2"}, {"x-api-key": "k2"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"auth_token": "t2"}, {"authorization": "Bearer t2"}),
        ({"ANTHROPIC_API_KEY": "k1"}, {"base_url": "https://claude.example"}, {}),
        (
            {"ANTHROPIC_API_KEY": "k1", "ANTHROPIC_BASE_URL": "https://claude.example"},
            {},
            {"x-api-key": "k1"},
        ),
        (
            {"ANTHROPIC_CUSTOM_HEADERS": "anthropic-beta: a\nX-Team: b"},
            {"api_key": "k"},
            {"anthropic-beta": "a", "X-Team": "b", "x-api-key": "k"},
        ),
        ({}, {"api_key": "k", "headers": {"x": "y"}}, {"x": "y", "x-api-key": "k"}),
    ],
)
async def test_key_goes_to_its_own_host_only(
    environment: dict[str, str],
    settings: dict[str, Any],
    expected: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One credential is sent; the environment's goes to no host that is named in the code."""
    from llmgate.provider.http import HttpRequest

    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    provider = Anthropic(**settings)
    request = await provider.authorize(HttpRequest("POST", "https://x.example"))
    assert expected == request.headers


async def test_another_address_for_one_call_gets_no_key_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """An address that a call names is sent the key that the call names, or none."""
    from llmgate.provider.http import HttpRequest

    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    request = HttpRequest("POST", "https://x.example")
    elsewhere = Anthropic().configured(base_url="https://claude.example")
    assert {} == (await elsewhere.authorize(request)).headers
    with_key = elsewhere.configured(api_key="k")
    assert {"x-api-key": "k"} == (await with_key.authorize(request)).headers
