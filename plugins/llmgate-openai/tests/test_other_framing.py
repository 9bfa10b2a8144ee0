"""Streams in place of whole responses and the reverse, and errors with status 200."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.errors import DecodeError, ProviderError, StreamTruncatedError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate_openai import chat_error
from tests.integration.openai_bodies import (
    TOOL_CALL,
    chunks_of,
    decoded_body,
    events_of,
    sse_bytes,
    streamed_completion,
    whole_body,
)

# --- the other framing --------------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"", b"\n", b": hello\n\n", b"\xef\xbb\xbf"])
def test_a_stream_in_place_of_a_whole_response_is_read(begin: bytes) -> None:
    """And reported."""
    report = Report()
    completion = decoded_body(begin + sse_bytes(events_of()), report)
    assert (completion.text, completion.choices[0].finish_reason) == ("Hi", "stop")
    assert completion.usage is not None
    assert "response" in report


def test_a_cut_stream_in_place_of_a_whole_response_is_truncated() -> None:
    """What came is at hand."""
    with pytest.raises(StreamTruncatedError) as caught:
        decoded_body(sse_bytes(events_of()[:1], b""))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "H"


def test_an_error_in_a_stream_in_place_of_a_whole_response_is_raised() -> None:
    """As it would be from a stream."""
    with pytest.raises(ProviderError, match="too slow"):
        decoded_body(sse_bytes([*events_of()[:1], {"error": {"message": "too slow"}}]))


def test_a_terminator_behind_a_whole_response_is_no_harm() -> None:
    """It is reported; anything else behind it is not JSON."""
    report = Report()
    body = json.dumps(whole_body()).encode()
    assert decoded_body(body + b"\n\ndata: [DONE]\n\n", report).text == "Hi"
    assert "response" in report
    with pytest.raises(DecodeError):
        decoded_body(body + b"\n\ndata: more\n\n")
    with pytest.raises(DecodeError):
        decoded_body(body[:-1] + b"\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("finish", ["stop", None])
def test_a_whole_response_in_place_of_a_stream_is_read(finish: str | None) -> None:
    """With its calls and its usage, whether or not it says why it ended."""
    whole = whole_body({"tool_calls": [TOOL_CALL]}, {"finish_reason": finish})
    for body in (sse_bytes([whole]), sse_bytes([whole], b"")):
        report = Report()
        completion = accumulate(chunks_of(body, report))
        assert completion.text == "Hi"
        assert completion.usage is not None
        assert completion.choices[0].message.tool_calls is not None
        assert [each.path for each in report] == ["response"]


@pytest.mark.parametrize("mark", [b'"[DONE]"', b"[done]", b"[DONE]"])
def test_a_terminator_in_another_spelling_ends_the_stream(mark: bytes) -> None:
    """And is reported, if it is another."""
    report = Report()
    completion = accumulate(chunks_of(sse_bytes(events_of(), b"data: %s\n\n" % mark), report))
    assert completion.text == "Hi"
    assert ("response" in report) is (mark != b"[DONE]")


def test_null_events_say_nothing() -> None:
    """They are reported, once."""
    report = Report()
    events = events_of()
    assert streamed_completion([None, events[0], None, *events[1:]], report).text == "Hi"
    assert [each.path for each in report] == ["response"]


def test_events_that_one_line_end_separates_are_read() -> None:
    """And reported."""
    report = Report()
    body = sse_bytes(events_of()).replace(b"\n\n", b"\n")
    assert accumulate(chunks_of(body, report)).text == "Hi"
    assert "response" in report


# --- errors with status 200 ---------------------------------------------------------------


_ERRORS: list[tuple[Any, str, str | None]] = [
    ({"code": "InvalidApiKey", "message": "Invalid key."}, "Invalid key.", "InvalidApiKey"),
    ({"detail": "Not so."}, "Not so.", None),
    ({"detail": [{"loc": ["body"], "msg": "Not so."}]}, "Not so.", None),
    ({"errors": [{"code": 7, "message": "Not so."}]}, "Not so.", "7"),
    ({"errors": ["Not so."]}, "Not so.", None),
    ({"errors": {"message": "Not so."}}, "Not so.", None),
    ({"success": False, "errors": [{"code": 10000, "message": "No"}]}, "No", "10000"),
    ({"success": False, "result": None}, "no success", None),
    ({"base_resp": {"status_code": 1004, "status_msg": "login fail"}}, "login fail", "1004"),
    ({"base_resp": {"status_code": 1004}}, "1004", "1004"),
    ({"id": "x", "choices": None, "base_resp": {"status_code": 7}}, "7", "7"),
    ({"msg": "Not so.", "code": 5}, "Not so.", "5"),
    ([{"error": {"code": 400, "message": "Not so."}}], "Not so.", "400"),
    ({"error": [{"message": "Not so."}]}, "Not so.", None),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("payload", "message", "code"), _ERRORS)
def test_an_error_without_its_key_is_an_error(
    payload: Any, message: str, code: str | None, *, streamed: bool
) -> None:
    """Whole, and as an event."""
    with pytest.raises(ProviderError, match=message) as caught:
        _ = streamed_completion([payload]) if streamed else decoded_body(payload)
    assert caught.value.code == code
    assert caught.value.in_stream is streamed


def test_a_success_is_no_error() -> None:
    """MiniMax says so with each response."""
    completion = decoded_body(
        whole_body(base_resp={"status_code": 0, "status_msg": ""}, success=True)
    )
    assert completion.text == "Hi"


def test_a_list_with_an_error_is_that_error() -> None:
    """Google's compatible endpoint wraps it, with a status as well."""
    body = json.dumps([{"error": {"code": 400, "message": "The key is not valid."}}]).encode()
    error = chat_error(HttpResponse(400, {}, body))
    assert error.message == "The key is not valid."


def test_another_kind_of_object_is_read_all_the_same() -> None:
    """A few hosts name it otherwise."""
    completion = decoded_body(whole_body(object="text"))
    assert (completion.text, completion.object) == ("Hi", "text")
