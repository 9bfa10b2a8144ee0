"""What is sent to a host of OpenAI's format of which nothing is known, and what it responds."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing import CANARY, GoldenCall, RecordedExchange
from tests.testing.mutation.openai.streams import DONE, chunk
from tests.testing.mutation.openai.values import USER, answered, choice
from tests.testing.mutation.writing import event_stream, whole

__all__ = ["RELAYED", "RELAYED_CALLS"]

URL = "https://relay.invalid/v1/chat/completions"
HEADERS = {"authorization": f"Bearer {CANARY}"}
ASK: dict[str, Any] = {"model": "acme", "messages": USER}
MARK = {"type": "ephemeral"}
INJECTED = "stream_options.include_usage injected"
DROPPED = "stream_options.include_usage dropped"


def golden(
    name: str, call: dict[str, Any], report: list[str] | None = None, **body: Any
) -> GoldenCall:
    """A call that is sent as it is, but for this."""
    return GoldenCall(name, call, {**call, **body}, URL, HEADERS, report or [])


def earlier(
    name: str, sent: dict[str, Any], report: list[str] | None = None, **fields: Any
) -> GoldenCall:
    """A call with an earlier message of the assistant, which is sent in this form."""
    message = {"role": "assistant", "content": "Rain.", **fields}
    kept = {key: value for key, value in {**message, **sent}.items() if value is not ...}
    call = {**ASK, "messages": [*USER, message, *USER]}
    return golden(name, call, report, messages=[*USER, kept, *USER])


THINKING = {"type": "thinking", "thinking": [{"type": "text", "text": "Clouds."}]}
PARTS = [THINKING, {"type": "text", "text": "Ra"}, {"type": "text", "text": "in."}]
WITHOUT = {"content_parts": ..., "reasoning_content": ...}

RELAYED_CALLS = (
    golden("plain", ASK),
    golden("sampling", {**ASK, "temperature": 0.5, "top_logprobs": 2, "max_tokens": -1}),
    golden("no limit", {**ASK, "max_completion_tokens": -1}),
    golden("stream", {**ASK, "stream": True}, [INJECTED], stream_options={"include_usage": True}),
    golden("marks", {**ASK, "messages": [{**USER[0], "cache_control": MARK}]}),
    earlier("reasoning", {}, reasoning_content="Clouds."),
    earlier("another name", {}, reasoning="Clouds."),
    earlier(
        "both names",
        {"reasoning_content": ...},
        ["messages[1].reasoning_content merged"],
        reasoning="Clouds.",
        reasoning_content="Clouds.",
    ),
    earlier("two reasonings", {}, reasoning="Clouds.", reasoning_content="Sun."),
    earlier("images", {}, images=[{"type": "image_url"}]),
    earlier(
        "parts",
        {**WITHOUT, "content": PARTS},
        content_parts=PARTS,
        reasoning_content="Clouds.",
    ),
    earlier(
        "parts of another text",
        {**WITHOUT, "content": [THINKING, {"type": "text", "text": "Sun."}]},
        content="Sun.",
        content_parts=PARTS,
        reasoning_content="Clouds.",
    ),
    earlier(
        "text parts of another text",
        {**WITHOUT, "content": "Sun."},
        content="Sun.",
        content_parts=[{"type": "text", "text": "Rain."}, {"text": "a"}],
    ),
)

REFUSAL = HttpResponse(400, {}, encode_json({"error": {"message": "no stream_options"}}))
OTHER = HttpResponse(422, {}, encode_json({"detail": "include_usage is unknown"}))
STREAM = event_stream(
    "hello", ASK, chunk(content="Rain."), chunk("stop"), done=DONE, text="Rain.", report=[INJECTED]
)


def refused_first(name: str, reply: HttpResponse, **expected: Any) -> RecordedExchange:
    """A stream that comes when it was asked for a second time."""
    call = {**ASK, "stream": True}
    return RecordedExchange(name, call, (reply, STREAM.replies[0]), **expected)


RELAYED = (
    whole("hello", ASK, answered(choice("stop", content="Rain.")), text="Rain."),
    STREAM,
    refused_first("usage is refused", REFUSAL, text="Rain.", report=[INJECTED, DROPPED]),
    refused_first("usage is unknown", OTHER, text="Rain.", report=[INJECTED, DROPPED]),
    RecordedExchange(
        "usage is forbidden",
        {**ASK, "stream": True},
        (HttpResponse(403, {}, REFUSAL.body),),
        error=errors.PermissionDeniedError,
    ),
    RecordedExchange(
        "something else is refused",
        {**ASK, "stream": True},
        (HttpResponse(400, {}, b"no"),),
        error=errors.BadRequestError,
    ),
)
