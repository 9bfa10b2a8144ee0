"""Streams that go wrong: errors that the host sends inside, and events that are none."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    AuthenticationError,
    BadRequestError,
    ContentFilterError,
    DecodeError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate_openai import ChatDecoder
from tests.integration.openai_events import chunks_of, event_of

# --- errors inside --------------------------------------------------------------------------

_ERRORS: list[tuple[Frame, type[ProviderError], int | None, str | None]] = [
    (
        Frame(b'{"error":{"message":"m","type":"server_error","code":null}}'),
        ServerError,
        500,
        "server_error",
    ),
    (Frame(b'{"error":{"message":"m","code":"server_is_overloaded"}}'), OverloadedError, 503, None),
    (Frame(b'{"error":{"message":"m","code":"rate_limit_exceeded"}}'), RateLimitError, 429, None),
    (Frame(b'{"error":{"message":"m","code":"invalid_api_key"}}'), AuthenticationError, 401, None),
    (Frame(b'{"error":{"message":"m","code":"content_filter"}}'), ContentFilterError, 400, None),
    (Frame(b'{"error":{"message":"m","code":429}}'), RateLimitError, 429, "429"),
    (Frame(b'{"error":{"message":"m","code":"502"}}'), ServerError, 502, "502"),
    (Frame(b'{"error":{"message":"m","status_code":400}}'), BadRequestError, 400, None),
    (Frame(b'{"error":"m","status":503}'), OverloadedError, 503, None),
    (Frame(b'{"error":"m"}'), ProviderError, None, None),
    (Frame(b'{"error":["m"]}'), ProviderError, None, None),
    (Frame(b'{"error":true}'), ProviderError, None, None),
    (Frame(b'{"object":"error","message":"m","code":400}'), BadRequestError, 400, "400"),
    (Frame(b'{"message":"m","type":"server_error"}', "error"), ServerError, 500, None),
    (Frame(b'{"error":{"message":"m"}}', "error"), ProviderError, None, None),
    (Frame(b'"m"', "error"), ProviderError, None, None),
    (Frame(b"[1]", "error"), ProviderError, None, None),
    (Frame(b"null", "error"), ProviderError, None, None),
    (Frame(b"m", "error"), ProviderError, None, None),
    (Frame(b'"m"'), ProviderError, None, None),
    (Frame(b"upstream connect error"), ProviderError, None, None),
    (Frame(b"<html>Bad gateway</html>"), ProviderError, None, None),
    (Frame(b"\xff\xfe"), ProviderError, None, None),
    (
        Frame(event_of(choices=[{"index": 0, "error": {"message": "m", "code": 502}}])),
        ServerError,
        502,
        None,
    ),
]


@pytest.mark.parametrize(("frame", "kind", "status", "code"), _ERRORS)
def test_errors_inside_a_stream_are_typed(
    frame: Frame, kind: type[ProviderError], status: int | None, code: str | None
) -> None:
    """In whichever shape: the class and status follow from the codes, and it says where it was."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(event_of({"content": "x"})))
    with pytest.raises(ProviderError) as caught:
        _ = decoder.feed(frame)
    assert kind is type(caught.value)
    assert (status, True) == (caught.value.status, caught.value.in_stream)
    assert caught.value.message
    if code is not None:
        assert code == caught.value.code


@pytest.mark.parametrize("error", [None, {}, "", [], False, 0])
def test_an_empty_error_is_none(error: Any) -> None:
    """A field that says nothing ends no stream."""
    answer = accumulate(chunks_of(event_of({"content": "x"}, error=error), b"[DONE]"))
    assert "x" == answer.choices[0].message.content


# --- what is no event -----------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"choices":',
        b"[]",
        b"[1]",
        b"5",
        b"true",
        b"{" * 100_000,
        b'{"a":' * 100_000,
        b"[" * 100_000,
        b'{"choices":[{"delta":{"content":"\xff"}}]}',
        b'{"choices":{}}',
        b'{"choices":""}',
        b'{"choices":0}',
        b'{"choices":[null]}',
        b'{"choices":["x"]}',
        b'{"choices":[[]]}',
        event_of(choices=[{"index": 0, "delta": "x"}]),
        event_of(choices=[{"index": 0, "delta": [["content", "x"]]}]),
        event_of({"content": 5}),
        event_of({"content": {"text": "x"}}),
        event_of({"content": [5]}),
        event_of({"content": [{"type": "text", "text": ["x"]}]}),
        event_of({"content": [{"type": "thinking", "thinking": 5}]}),
        event_of({"function_call": {"name": 5}}),
    ],
    ids=lambda data: data[:60].decode("ascii", "replace"),
)
def test_what_is_no_chunk_is_refused(data: bytes) -> None:
    """Every wrong type is a DecodeError that holds the event, whatever came before."""
    decoder = ChatDecoder("7")
    _ = decoder.feed(Frame(event_of({"content": "x"})))
    with pytest.raises(DecodeError) as caught:
        _ = decoder.feed(Frame(data))
    assert data == caught.value.frame
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "data",
    [
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":NaN}]}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":1e400}]}',
        b'{"choices":[{"delta":{"content":"x"},"finish_reason":"stop","score":%s}]}' % (b"9" * 400),
        b'{"choices":[],"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}',
        b'  {"choices":[{"delta":{"content":"x"},"finish_reason":"stop"}]}  ',
        b'{"choices":[{"index":0.0,"delta":{"content":"x"},"finish_reason":"stop"}]}',
    ],
)
def test_odd_json_is_read(data: bytes) -> None:
    """Not a number, infinities, huge numbers, keys that come twice, white space."""
    assert "x" == accumulate(chunks_of(data)).choices[0].message.content
