"""What is put right in a host's responses: usage, reasoning, and the class of its errors."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llmgate import Client
from llmgate.errors import (
    BadRequestError,
    ContextWindowError,
    OverloadedError,
    ProviderError,
    RateLimitError,
)
from llmgate.testing import Canned, CannedTransport, with_transport
from llmgate.types import Completion
from llmgate_compatible import host
from llmgate_compatible.reasoning import TagReader

GREETING = [{"role": "user", "content": "Hi"}]


def whole(message: dict[str, Any], **fields: Any) -> bytes:
    """A completion with this message."""
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return json.dumps(
        {"id": "1", "created": 1, "model": "m", "choices": [choice], **fields}
    ).encode()


def events(
    *deltas: dict[str, Any], end: str | None = "stop", done: bool = True, **last: Any
) -> bytes:
    """A stream of these deltas, the last of which ends it."""
    lines = list[str]()
    for place, delta in enumerate(deltas):
        reason = end if place == len(deltas) - 1 else None
        choice = {"index": 0, "delta": delta, "finish_reason": reason}
        chunk = {"id": "1", "created": 1, "model": "m", "choices": [choice], "object": "chunk"}
        lines.append(json.dumps({**chunk, **(last if reason else {})}))
    return b"".join(
        f"data: {line}\n\n".encode() for line in [*lines, *(["[DONE]"] if done else [])]
    )


async def answered(chat: dict[str, Any], body: bytes, status: int = 200) -> Completion:
    """The completion of a host that departs from the format so, whole or streamed."""
    provider = host("acme", base_url="https://acme.example/v1", chat=chat)(api_key="k")
    is_stream = body.startswith(b"data:")
    transport = CannedTransport([Canned(status, body=body)])
    async with Client(
        providers={"acme": with_transport(provider, transport)}, max_retries=0
    ) as client:
        if is_stream:
            stream = await client.acompletion("acme/m", GREETING, stream=True)
            return await stream.completion()
        return await client.acompletion("acme/m", GREETING)


# --- reasoning ---

TAGGED = {
    "<think>\nHm.</think>\n\nHi": ("\nHm.", "Hi"),
    "  <think>Hm": ("Hm", ""),
    "<think>Hm</thi": ("Hm</thi", ""),
    "<think></think>Hi": ("", "Hi"),
    "<th": ("", "<th"),
    "Say <think>no</think>": ("", "Say <think>no</think>"),
    "<think>A</think>\n": ("A", ""),
}


@pytest.mark.parametrize("text", TAGGED)
@pytest.mark.parametrize("size", [1, 3, 100])
async def test_reasoning_between_tags_is_parted_from_the_text(text: str, size: int) -> None:
    """In the same way whole and in pieces of any size, however the stream ends."""
    reasoning, content = TAGGED[text]
    pieces = [{"content": text[at : at + size]} for at in range(0, len(text), size)]
    bodies = (
        whole({"content": text}),
        events(*pieces),
        events(*pieces, end=None),
        events(*pieces, {}, done=False),
    )
    for body in bodies:
        message = (await answered({"quirks": ["think_tags"]}, body)).choices[0].message
        assert (reasoning, content) == (message.reasoning_content or "", message.content or "")


async def test_text_before_a_call_is_not_held_back() -> None:
    """Nor is what a host says of its reasoning elsewhere lost."""
    call = {"index": 0, "id": "c", "function": {"name": "f", "arguments": "{}"}}
    body = events(
        {"role": "assistant", "reasoning_content": "A"},
        {"content": "<think>B"},
        {"content": "</think>Hi"},
        {"tool_calls": [call]},
        {},
    )
    message = (await answered({"quirks": ["think_tags"]}, body)).choices[0].message
    assert ("AB", "Hi") == (message.reasoning_content, message.content)
    assert message.tool_calls
    body = whole({"content": "<think>B</think>Hi", "reasoning_content": "A"})
    message = (await answered({"quirks": ["think_tags"]}, body)).choices[0].message
    assert ("AB", "Hi") == (message.reasoning_content, message.content)
    message = (
        (await answered({"quirks": ["think_tags"]}, whole({"content": None}))).choices[0].message
    )
    assert message.content is None


@given(st.lists(st.sampled_from(["<think>", "</think>", "\n", " ", "a", "<", "think"])))
def test_pieces_are_read_as_the_whole_is(pieces: list[str]) -> None:
    """Wherever they are cut."""

    def read(texts: list[str]) -> tuple[str, str]:
        reader = TagReader()
        parts = [*map(reader.feed, texts), reader.close()]
        return "".join(each for each, _ in parts), "".join(each for _, each in parts)

    assert read(pieces) == read(["".join(pieces)]) == read([*"".join(pieces)])


async def test_details_are_read_where_the_reasoning_is_nowhere_else() -> None:
    """They stay where they are, since they are what goes back."""
    details = [{"type": "reasoning.text", "text": "A"}, {"summary": "B"}, {"data": "x"}, "odd"]
    chat = {"quirks": ["details_as_reasoning"]}
    fields = {"content": "Hi", "reasoning_details": details}
    for body in (whole(fields), events(fields)):
        message = (await answered(chat, body)).choices[0].message
        assert ("AB", details) == (message.reasoning_content, message.extra["reasoning_details"])
    others: tuple[dict[str, Any], ...] = (
        {"reasoning_content": "C"},
        {"reasoning_details": None},
        {"reasoning_details": [{}]},
    )
    for other in others:
        message = (await answered(chat, whole({"content": "Hi", **other}))).choices[0].message
        assert other.get("reasoning_content") == message.reasoning_content


# --- errors ---

CODES = {"errors": {"1305": "overloaded", "too_long": "context_window"}}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        ({"code": "1305", "message": "busy"}, OverloadedError),
        ({"code": 400, "type": "too_long", "message": "long"}, ContextWindowError),
        ({"code": 400, "type": "too_long", "message": "cut \ud83d"}, ContextWindowError),
        ({"code": "other", "message": "no"}, RateLimitError),
    ],
)
async def test_a_code_of_the_host_has_the_class_that_its_row_says(
    error: dict[str, Any], expected: type[ProviderError]
) -> None:
    """By its status, in a 200, and inside a stream."""
    body = json.dumps({"error": error}).encode()
    with pytest.raises(expected) as caught:
        await answered(CODES, body, 429)
    assert (429, False) == (caught.value.status, caught.value.in_stream)
    if expected is RateLimitError:
        return
    with pytest.raises(expected):
        await answered(CODES, body)
    stream = b"data: " + body.replace(b"400", b'"too_long"') + b"\n\n"
    with pytest.raises(expected) as caught:
        await answered(CODES, stream)
    assert caught.value.in_stream


@pytest.mark.parametrize("body", [b"busy", b"[]", b'{"error": "busy"}'])
async def test_an_error_without_a_code_is_that_of_its_status(body: bytes) -> None:
    """Whatever its body is."""
    with pytest.raises(BadRequestError):
        await answered(CODES, body, 400)


async def test_an_unknown_code_inside_a_stream_stays_what_it_is() -> None:
    """The row names only some."""
    with pytest.raises(ProviderError, match="no"):
        await answered(CODES, b'data: {"error": {"code": "x", "message": "no"}}\n\n')
    assert "Hi" == (await answered(CODES, events({"content": "Hi"}))).text
