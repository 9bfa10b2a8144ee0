"""Characters that a host cut in two: joined where both parts come, replaced where one is lost."""

from __future__ import annotations

import inspect
import sys

import pytest

from llmgate.errors import DecodeError, LLMGateError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.types import Chunk
from llmgate_openai import ChatDecoder, decode

_DONE = b"[DONE]"


def _chunks(*events: bytes) -> list[Chunk]:
    decoder = ChatDecoder("7")
    return [chunk for event in events for chunk in decoder.feed(Frame(event))]


def _raw(text: str, key: str = "content", **rest: str) -> bytes:
    """An event whose text is these JSON escapes."""
    finish = rest.get("finish", "null")
    return b'{"choices":[{"index":0,"delta":{"%s":"%s"},"finish_reason":%s}]}' % (
        key.encode(),
        text.encode(),
        finish.encode(),
    )


@pytest.mark.parametrize("key", ["content", "refusal", "reasoning_content", "reasoning"])
@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([r"\ud83d\ude00"], "😀"),
        ([r"a\ud83d", r"\ude00b"], "a😀b"),
        ([r"a\uD83D", r"\uDE00\ud83d", r"\ude00"], "a😀😀"),
        ([r"\ud83d", "x"], "\ufffdx"),
        ([r"a\ude00b"], "a\ufffdb"),
        ([r"\ud83da"], "\ufffda"),
        ([r"\ud83d", ""], "\ufffd"),
        ([r"x\ud83d"], "x\ufffd"),
        ([r"\ud83d\ud83d", r"\ude00"], "\ufffd😀"),
    ],
)
def test_half_characters_are_joined_or_replaced(key: str, pieces: list[str], expected: str) -> None:
    """A character that was cut in two comes whole where both parts came, and as U+FFFD else."""
    answer = accumulate(_chunks(*[_raw(piece, key) for piece in pieces], _DONE))
    field = "reasoning_content" if key == "reasoning" else key
    text = getattr(answer.choices[0].message, field)
    assert expected == text
    assert text.encode()


def test_half_characters_of_arguments_are_joined() -> None:
    """Arguments come in pieces as text does."""
    start = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,%s}]}}]}'
    events = [
        start % rb'"id":"a","function":{"name":"f","arguments":"{\"x\":\"\ud83d"}',
        start % rb'"function":{"arguments":"\ude00\"}"}',
    ]
    calls = accumulate(_chunks(*events, _DONE)).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert '{"x":"😀"}' == calls[0].function.arguments


def test_half_a_token_is_no_text_that_goes_on() -> None:
    """A token of the logprobs may be half a character; the next is another token."""
    choice = rb'{"choices":[{"delta":{"content":"x"},"logprobs":{"content":[{"token":"%s"}]}}]}'
    answer = accumulate(_chunks(choice % rb"\ud83d", choice % rb"\ude00", _DONE))
    logprobs = answer.choices[0].logprobs
    assert logprobs is not None
    assert ["\ufffd", "\ufffd"] == [item["token"] for item in logprobs["content"]]


@pytest.mark.parametrize(
    "data",
    [
        b'{"x":',
        rb'{"x":"\ud83d"',
        rb'{"x":"\ud83d\q"}',
        b'{"a":' * 100_000 + rb'"\ud83d"',
        b'{"a":' * 700 + rb'"\ud83d"' + b"}" * 700,
        b"[" * 300 + rb'"\ud83d"' + b"]" * 300,
        rb'["\ud83d"]',
    ],
    ids=lambda data: data[:20].decode(),
)
def test_half_characters_do_not_hide_what_is_no_chunk(data: bytes) -> None:
    """With surrogates or without, however deep: a DecodeError."""
    with pytest.raises(LLMGateError) as caught:
        _chunks(data)
    assert DecodeError is type(caught.value)
    with pytest.raises(DecodeError):
        decode(HttpResponse(200, {}, data), "7")


@pytest.mark.parametrize("text", [b"x", rb"\ud83d"])
@pytest.mark.parametrize(("depth", "is_read"), [(150, True), (199, False), (400, False)])
def test_half_characters_do_not_change_how_deep_is_too_deep(
    text: bytes, depth: int, is_read: bool
) -> None:
    """What is nested deeper than can be written again is refused, with surrogates or without."""
    deep = b"[" * depth + b'"' + text + b'"' + b"]" * depth
    body = b'{"choices":[{"message":{"content":"Hi","x":%s}}]}' % deep
    if is_read:
        assert "Hi" in decode(HttpResponse(200, {}, body), "7").model_dump_json()
    else:
        with pytest.raises(DecodeError):
            decode(HttpResponse(200, {}, body), "7")


def test_a_half_at_the_end_of_arguments_is_left_out() -> None:
    """They are no JSON with it, and none without it."""
    function = rb'"id":"a","function":{"name":"f","arguments":"{\"x\":\"\ud83d"}'
    event = b'{"choices":[{"index":0,"delta":{"tool_calls":[{"index":0,%s}]}}]}' % function
    finish = b'{"choices":[{"index":0,"delta":{},"finish_reason":"tool_calls"}]}'
    calls = accumulate(_chunks(event, finish, _DONE)).choices[0].message.tool_calls
    assert calls is not None
    assert calls[0].function is not None
    assert '{"x":"' == calls[0].function.arguments


@pytest.mark.parametrize(("depth", "room"), [(700, 900), (100, 160)])
def test_what_is_nested_too_deeply_is_refused(depth: int, room: int) -> None:
    """For anybody, or for the room that the interpreter has left."""
    nested = rb'{"a":' * depth + rb'"\ud83d"' + b"}" * depth
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(len(inspect.stack(0)) + room)
    try:
        with pytest.raises(DecodeError, match="nested too deeply"):
            _chunks(nested)
    finally:
        sys.setrecursionlimit(limit)
