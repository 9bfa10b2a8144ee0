"""What is expected of a recording: what it plainly says, what its file states, or nothing."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from llmgate.errors import RateLimitError
from llmgate.provider.http import HttpResponse, encode_json
from llmgate.testing import NothingExpectedWarning, load_corpus, load_recording
from llmgate.testing._expectations import plainly_said
from tests.testing.test_recordings import recorded

CALLS = [{"id": "a", "function": {"name": "add", "arguments": '{"a": 1}'}}]
COUNTS = {"prompt_tokens": 1, "completion_tokens": 2, "total_tokens": 3}


def chosen(reason: Any = "stop", usage: Any = None, **message: Any) -> dict[str, Any]:
    """A response of OpenAI's shape."""
    return {"choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage}


def piece(reason: Any = None, usage: Any = None, **delta: Any) -> dict[str, Any]:
    """An event of OpenAI's shape."""
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": reason}], "usage": usage}


def said_in(*payloads: Any) -> dict[str, Any]:
    """What one response says, or a stream of several events."""
    if len(payloads) == 1:
        return plainly_said(HttpResponse(200, {}, encode_json(payloads[0])), is_stream=False)
    body = b"".join(b"data: " + encode_json(payload) + b"\n\n" for payload in payloads)
    return plainly_said(HttpResponse(200, {}, body + b"data: [DONE]\n\n"), is_stream=True)


@pytest.mark.parametrize(
    ("payload", "expected"),
    [
        (chosen(content="Hi"), {"text": "Hi", "finish_reason": "stop"}),
        (chosen(None, COUNTS, reasoning_content="So"), {"reasoning": "So", "usage": COUNTS}),
        (chosen("eos", {"prompt_tokens": 1.5}, content="Hi"), {"text": "Hi"}),
        (
            chosen("tool_calls", content=None, tool_calls=CALLS),
            {"tool_calls": [("add", {"a": 1})], "finish_reason": "tool_calls"},
        ),
        (chosen(tool_calls=CALLS), {"tool_calls": [("add", {"a": 1})]}),
        (chosen(function_call={"name": "add"}), {}),
        (
            chosen("tool_calls", tool_calls=[{"function": {"name": "add"}}]),
            {"finish_reason": "tool_calls"},
        ),
        (
            {"choices": [{"index": 0, "message": None, "finish_reason": "stop"}]},
            {"finish_reason": "stop"},
        ),
        ({"choices": "x"}, {}),
        ({"say": "Hi"}, {}),
        ({"error": "no"}, {}),
        ([], {}),
    ],
)
def test_reads_what_a_response_plainly_says(payload: Any, expected: dict[str, Any]) -> None:
    """What hosts of OpenAI's shape agree on is expected, and nothing else."""
    assert expected == said_in(payload)


def test_reads_what_a_stream_plainly_says() -> None:
    """Texts and arguments are joined; the last counts are the ones."""

    def fragment(arguments: str | None, **function: Any) -> list[Any]:
        return [{"index": 0, "function": {"arguments": arguments, **function}}, {"index": 1}]

    assert {
        "text": "Hi there",
        "tool_calls": [("add", {"a": 1})],
        "finish_reason": "tool_calls",
        "usage": COUNTS,
    } == said_in(
        piece(content="Hi ", role="assistant"),
        piece(content="there", usage={**COUNTS, "prompt_tokens": 7}),
        piece(tool_calls=fragment('{"a"', name="add")),
        piece(tool_calls=fragment(": 1}")),
        piece(tool_calls=fragment(None)),
        {"choices": [{"index": 0, "delta": None}]},
        piece("tool_calls"),
        {"choices": [], "usage": COUNTS},
    )


def test_expects_nothing_of_a_stream_that_is_no_json() -> None:
    """Another format is for its author to read."""
    assert {} == plainly_said(HttpResponse(200, {}, b"data: Hi\n\n"), is_stream=True)


def test_warns_of_recordings_that_expect_nothing(tmp_path: Path) -> None:
    """A recording of which nothing is expected finds crashes only, which is said by its name."""
    recorded(tmp_path / "bare.json")
    plain = {"status": 200, "headers": {}, "body": chosen(content="Hi")}
    recorded(tmp_path / "plain.json", response=plain)
    with pytest.warns(NothingExpectedWarning, match=r"1 of 2 recordings .*: bare$"):
        bare, found = load_corpus(tmp_path)
    assert (False, True) == (bare.expects_something, found.expects_something)
    assert (None, "Hi") == (bare.text, found.text)


def test_recordings_may_be_wanted_for_their_bytes(tmp_path: Path) -> None:
    """Then nothing is expected, and nothing is said."""
    recorded(tmp_path / "bare.json")
    (exchange,) = load_corpus(tmp_path, expect=None)
    assert not exchange.expects_something


def test_an_author_says_what_is_expected(tmp_path: Path) -> None:
    """By a function for all recordings, or in a recording's own file, which wins."""
    path = recorded(tmp_path / "a.json", expected={"tool_calls": [["add", {}]], "text": "Hi"})
    exchange = load_recording(path, expect=lambda _: {"text": "Ho", "finish_reason": "stop"})
    assert ("Hi", [("add", {})], "stop") == (
        exchange.text,
        exchange.tool_calls,
        exchange.finish_reason,
    )
    path = recorded(tmp_path / "b.json", expected={"error": "RateLimitError", "code": "slow"})
    exchange = load_recording(path)
    assert (RateLimitError, "slow") == (exchange.error, exchange.code)
