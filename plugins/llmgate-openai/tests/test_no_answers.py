"""Whole replies that are no answer, or errors with status 200, or JSON of an odd kind."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import ContentFilterError, DecodeError, LLMGateError, ProviderError, ServerError
from tests.integration.openai_responses import completion_of, response_of

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
    response_of({"content": 5}),
    response_of({"content": True}),
    response_of({"content": {"text": "x"}}),
    response_of({"content": [5]}),
    response_of({"content": [{"type": "text", "text": 5}]}),
    response_of({"content": [{"type": "thinking", "thinking": 5}]}),
    response_of({"content": "x", "tool_calls": 5}),
    response_of({"content": "x", "tool_calls": {"id": "a"}}),
    response_of({"content": "x", "tool_calls": "f"}),
    response_of({"tool_calls": [None]}),
    response_of({"tool_calls": [[]]}),
    response_of({"tool_calls": [{}]}),
    response_of({"tool_calls": [{"id": "a", "function": None}]}),
    response_of({"tool_calls": [{"id": "a", "function": "f"}]}),
    response_of({"tool_calls": [{"id": "a", "function": {"arguments": "{}"}}]}),
    response_of({"tool_calls": [{"id": "a", "function": {"name": ""}}]}),
    response_of({"tool_calls": [{"id": "a", "function": {"name": 5}}]}),
    response_of({"tool_calls": [{"id": "a", "type": "custom"}]}),
    response_of({"function_call": {"arguments": "{}"}}),
]


@pytest.mark.parametrize("body", _NO_ANSWERS)
def test_what_is_no_answer_is_refused(body: Any) -> None:
    """Whatever is no completion is a DecodeError that holds the body, and is never an answer."""
    with pytest.raises(DecodeError) as caught:
        completion_of(body)
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
        completion_of(body)
    assert (kind, status, False) == (
        type(caught.value),
        caught.value.status,
        caught.value.in_stream,
    )


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (b"\xef\xbb\xbf" + json.dumps(response_of()).encode(), "Paris"),
        (b"\n\n  " + json.dumps(response_of()).encode() + b"\n", "Paris"),
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
    answer = completion_of(body)
    assert expected == answer.text
    assert answer.text.encode()
