"""Exchanges with the fake provider, as they would be recorded."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from llmgate.errors import RateLimitError
from llmgate.provider import Decoder
from llmgate.provider.call import ProviderCall
from llmgate.provider.framing import Frame, Framer, SSEFramer
from llmgate.provider.http import Flow, HttpResponse, encode_json
from llmgate.testing import FakeProvider, GoldenCall, RecordedExchange
from llmgate.testing.fake import FakeDecoder
from llmgate.types import Chunk

USER: list[Any] = [{"role": "user", "content": "Hi"}]
TOOLS = [{"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}]
END = {"end": "done", "tokens": {"in": 1, "out": 2}}


def asked(**options: Any) -> dict[str, Any]:
    """The keywords of a call."""
    return {"model": "fake-1", "messages": USER, **options}


def answered(payload: Any, status: int = 200) -> tuple[HttpResponse, ...]:
    """A reply with a JSON body."""
    return (HttpResponse(status, {"Content-Type": "application/json"}, encode_json(payload)),)


def streamed(*events: Any, head: bytes = b"", tail: bytes = b"\n") -> tuple[HttpResponse, ...]:
    """A reply whose body is a stream of JSON events."""
    return (HttpResponse(200, {}, b"".join(head + encode_json(e) + tail for e in events)),)


def said(arguments: str, **rest: Any) -> dict[str, Any]:
    """A tool call, or a piece of one."""
    return {"calls": [{"function": {"arguments": arguments, **rest.pop("function", {})}, **rest}]}


CALL = said('{"a": 1}', id="c1", function={"name": "add"})
TEXT = RecordedExchange(
    "text",
    asked(temperature=0.5),
    answered({"say": "Grüß dich", **END}),
    text="Grüß dich",
    finish_reason="stop",
    usage={"prompt_tokens": 1, "completion_tokens": 2},
)
TEXT_STREAM = replace(
    TEXT, call=asked(stream=True), replies=streamed({"say": "Grüß "}, {"say": "dich"}, END)
)
TOOL = RecordedExchange(
    "tool",
    asked(tools=TOOLS),
    answered({**CALL, "end": "calls"}),
    tool_calls=[("add", {"a": 1})],
    finish_reason="tool_calls",
)
TOOL_STREAM = replace(
    TOOL,
    call=asked(tools=TOOLS, stream=True),
    replies=streamed(
        said('{"a"', index=0, id="c1", function={"name": "add"}),
        said(": 1}", index=0),
        {"end": "calls"},
    ),
)
REFUSED = RecordedExchange(
    "refused", asked(), answered({"why": "slow down"}, 429), error=RateLimitError
)
GOLDEN = GoldenCall(
    "greeting",
    asked(seed=7),
    {"model": "fake-1", "conversation": USER, "with": {"seed": 7}},
    url="https://fake.invalid",
)


class EventDecoder(FakeDecoder):
    """The fake provider's events, sent by the server."""

    def __init__(self) -> None:
        super().__init__()
        self.framer: Framer = SSEFramer()  # type: ignore[assignment]

    def feed(self, frame: Frame) -> Iterable[Chunk]:
        return () if frame.data == b"[DONE]" else super().feed(frame)


class EventProvider(FakeProvider):
    """The fake provider, with server-sent events."""

    def stream(self, call: ProviderCall) -> Flow[Decoder[Chunk]]:
        yield from super().stream(call)
        return EventDecoder()


EVENTS = replace(
    TEXT_STREAM, replies=streamed({"say": "Grüß dich"}, END, head=b"data: ", tail=b"\n\n")
)
DONE_FIRST = replace(
    EVENTS, replies=(replace(EVENTS.replies[0], body=b"data: [DONE]\n\n" + EVENTS.replies[0].body),)
)

EXCHANGES = (TEXT, TEXT_STREAM, TOOL, TOOL_STREAM, REFUSED)
