"""Through a client: what users see, and what Cohere sees.

What they see where something fails is played by ``tests/faults``.
"""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate import Client, Stream
from llmgate.errors import StreamTruncatedError
from llmgate.provider.http import HttpRequest
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Completion
from llmgate_cohere import Cohere

KEY = "co-canary-5b1c0f9e7d3a"
MODEL = "command-nightly"
DONE = "data: [DONE]\n\n"
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


class Server(CannedTransport):
    """Cohere, as far as it is needed: ``message`` is what it says."""

    def __init__(self) -> None:
        super().__init__(self._answer)
        self.message = SAID
        self.reason = "COMPLETE"
        self.is_cut = False
        self.bodies: list[Any] = []

    def _answer(self, request: HttpRequest) -> Canned:
        self.bodies.append(json.loads(request.body))
        if not self.bodies[-1]["stream"]:
            message = {"role": "assistant", **self.message}
            whole = {"id": "r1", "finish_reason": self.reason, "usage": USAGE, "message": message}
            return Canned(200, {}, json.dumps(whole).encode())
        events = events_of(self.message, self.reason)[: -1 if self.is_cut else None]
        texts = [f"event: {event['type']}\ndata: {json.dumps(event)}\n\n" for event in events]
        return Canned(200, {}, "".join([*texts, *[DONE] * (not self.is_cut)]).encode())


@pytest.fixture
def server() -> Server:
    """What answers."""
    return Server()


@pytest.fixture
def client(server: Server) -> Client:
    """A client whose provider talks to it."""
    return Client(providers={"cohere": with_transport(Cohere(api_key=KEY), server)})


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
    (sent,) = server.requests
    assert f"Bearer {KEY}" == sent.headers["Authorization"]
    assert sent.url.endswith("/v2/chat")


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


CUT = '{"city": "Ro'


@pytest.mark.parametrize("stream", [False, True])
async def test_a_call_that_was_cut_off_goes_back(
    client: Client, server: Server, stream: bool
) -> None:
    """However its message was stored: as an object that keeps the text."""
    function = {"name": "find_weather", "arguments": CUT}
    called = {"tool_calls": [{"id": "c1", "type": "function", "function": function}]}
    server.message, server.reason = called, "MAX_TOKENS"
    choice = (await ask(client, tools=[TOOL], stream=stream)).choices[0]
    assert ("length", "MAX_TOKENS") == (choice.finish_reason, choice.native_finish_reason)
    server.message, server.reason = SAID, "COMPLETE"
    result = {"role": "tool", "tool_call_id": "c1", "content": "it was cut off"}
    message = choice.message
    for given in (message, message.model_dump(), json.loads(message.model_dump_json())):
        found = await ask(client, [*HI, given, result], tools=[TOOL])
        sent = server.bodies[-1]["messages"][1]["tool_calls"][0]["function"]
        assert {"arguments": CUT} == json.loads(sent["arguments"])
        path = "messages[1].tool_calls[0].function.arguments"
        assert [path] == [each.path for each in found.report if each.path.endswith("arguments")]


async def test_a_schema_without_an_object_at_its_root(client: Client, server: Server) -> None:
    """Cohere takes objects alone, so it is wrapped, and the text is what is in it."""
    server.message = {"content": [{"type": "text", "text": '{"value": [1, 2]}'}]}
    found = await ask(client, response_format=list[int])
    schema = server.bodies[-1]["response_format"]["json_schema"]
    assert ("object", ["value"]) == (schema["type"], schema["required"])
    assert [1, 2] == json.loads(found.text)


async def test_a_model_that_cannot_reason_is_not_asked_to(client: Client, server: Server) -> None:
    """As the rules of the model say, in a preview too."""
    found = await ask(client, reasoning_effort="high")
    assert "thinking" not in server.bodies[-1]
    assert "does not reason" in found.report[0].reason


# --- errors -------------------------------------------------------------------------------


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
