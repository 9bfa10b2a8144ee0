"""Whole replies that are no answer, or errors with status 200, or JSON of an odd kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import ContentFilterError, DecodeError, LLMGateError, ProviderError, ServerError
from llmgate.provider.http import HttpResponse
from llmgate.types import Completion
from llmgate_openai import decode

_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def _payload(message: Any = None, **rest: Any) -> dict[str, Any]:
    """A reply with one choice; ``rest`` overrides parts of the choice, or of the envelope."""
    if message is None:
        message = {"role": "assistant", "content": "Paris"}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    for name in ("index", "finish_reason", "logprobs"):
        if name in rest:
            choice[name] = rest.pop(name)
    envelope = {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 1784728648,
        "model": "gpt-5",
        "choices": [choice],
        "usage": _USAGE,
    }
    return {**envelope, **rest}


def _decoded(payload: Any) -> Completion:
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return decode(HttpResponse(200, {}, body), "7")


_NO_ANSWERS: list[Any] = [
    b"",
    b"{}",
    b"[]",
    b"null",
    b"5",
    b'"Paris"',
    b"Paris",
    b"<html>Paris</html>",
    b'{"choices":',
    b"\xff\xfe",
    b"\xef\xbb\xbf" * 5_000,
    b'{"a":' * 100_000,
    b"[" * 100_000,
    b'{"a":' * 100_000 + rb'"\ud83d"',
    b'{"created":%s,"choices":[{"message":{"content":"x"}}]}' % (b"9" * 5_000),
    {"choices": None},
    {"choices": []},
    {"choices": {}},
    {"choices": "x"},
    {"choices": [None]},
    {"choices": ["x"]},
    {"choices": [{}]},
    {"choices": [{"message": None}]},
    {"choices": [{"message": []}]},
    {"choices": [{"message": "x"}]},
    {"choices": [{"message": {}}]},
    {"choices": [{"message": {"role": "assistant"}}]},
    {"choices": [{"message": {}, "finish_reason": "stop"}]},
    {"choices": [{"text": "x", "finish_reason": "stop"}]},
    _payload({"content": 5}),
    _payload({"content": True}),
    _payload({"content": {"text": "x"}}),
    _payload({"content": [5]}),
    _payload({"content": [{"type": "text", "text": 5}]}),
    _payload({"content": [{"type": "thinking", "thinking": 5}]}),
    _payload({"content": "x", "tool_calls": 5}),
    _payload({"content": "x", "tool_calls": {"id": "a"}}),
    _payload({"content": "x", "tool_calls": "f"}),
    _payload({"tool_calls": [None]}),
    _payload({"tool_calls": [[]]}),
    _payload({"tool_calls": [{}]}),
    _payload({"tool_calls": [{"id": "a", "function": None}]}),
    _payload({"tool_calls": [{"id": "a", "function": "f"}]}),
    _payload({"tool_calls": [{"id": "a", "function": {"arguments": "{}"}}]}),
    _payload({"tool_calls": [{"id": "a", "function": {"name": ""}}]}),
    _payload({"tool_calls": [{"id": "a", "function": {"name": 5}}]}),
    _payload({"tool_calls": [{"id": "a", "type": "custom"}]}),
    _payload({"function_call": {"arguments": "{}"}}),
]


@pytest.mark.parametrize("body", _NO_ANSWERS)
def test_what_is_no_answer_is_refused(body: Any) -> None:
    """Whatever is no completion is a DecodeError that holds the body, and is never an answer."""
    with pytest.raises(DecodeError) as caught:
        _decoded(body)
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    assert data == caught.value.frame
    assert len(str(caught.value)) < 3000


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        ({"error": {"message": "m", "code": 502}}, ServerError, 502),
        ({"error": {"message": "m", "type": "server_error"}, "choices": None}, ServerError, 500),
        ({"error": "m"}, ProviderError, None),
        ({"object": "error", "message": "m"}, ProviderError, None),
        ({"choices": [{"error": {"message": "m", "code": 502}, "message": {}}]}, ServerError, 502),
        ({"error": {"code": "content_filter", "message": "m"}}, ContentFilterError, 400),
    ],
)
def test_an_error_with_status_200_is_an_error(
    body: Any, kind: type[LLMGateError], status: int | None
) -> None:
    """The host says no in a reply that looks fine."""
    with pytest.raises(ProviderError) as caught:
        _decoded(body)
    assert (kind, status, False) == (
        type(caught.value),
        caught.value.status,
        caught.value.in_stream,
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xef\xbb\xbf" + json.dumps(_payload()).encode(), "Paris"),
        (b"\n\n  " + json.dumps(_payload()).encode() + b"\n", "Paris"),
        (rb'{"choices":[{"message":{"content":"\ud83d\ude00"}}]}', "😀"),
        (rb'{"choices":[{"message":{"content":"a\ud83d"}}]}', "a\ufffd"),
        (rb'{"choices":[{"message":{"content":"\ude00b"}}]}', "\ufffdb"),
        (rb'{"choices":[{"message":{"content":"\ud83d\ud83d\ude00"}}]}', "\ufffd😀"),
        (b'{"choices":[{"message":{"content":"x"},"score":NaN}]}', "x"),
        (b'{"choices":[{"message":{"content":"x"},"score":-1e400}]}', "x"),
        (b'{"choices":[],"choices":[{"message":{"content":"x"}}]}', "x"),
    ],
)
def test_odd_json_is_read(body: bytes, expected: str) -> None:
    """A mark before it, white space, halves of characters, numbers that are none, keys twice."""
    answer = _decoded(body)
    assert expected == answer.text
    assert answer.text.encode()
