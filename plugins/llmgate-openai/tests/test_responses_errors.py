"""Errors inside streams of the Responses API, and responses that say something else."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate.errors import (
    BadRequestError,
    ContentFilterError,
    DecodeError,
    LLMGateError,
    OverloadedError,
    ProviderError,
    RateLimitError,
    ServerError,
)
from llmgate.report import Report
from llmgate.testing import read_stream
from llmgate.types import Chunk
from llmgate_openai.responses import ResponsesDecoder
from tests.integration.openai_response_events import (
    COMPLETED,
    CREATED,
    DONE,
    added,
    event,
    items_in,
    read,
    text,
    whole,
    written,
)

# --- errors ---------------------------------------------------------------------------------


BUSY = {"code": "server_is_overloaded", "message": "busy"}


@pytest.mark.parametrize(
    ("failure", "kind", "code"),
    [
        ({"type": "error", "error": {**BUSY, "type": "x"}}, OverloadedError, BUSY["code"]),
        ({"type": "error", **BUSY, "param": None}, OverloadedError, BUSY["code"]),
        ({"type": "error", "message": "no"}, ProviderError, None),
        ({"type": "error"}, LLMGateError, None),
        ({"error": {"message": "no", "code": "rate_limit_exceeded"}}, RateLimitError, ...),
        (b"upstream gone", ProviderError, None),
        (b"[1]", DecodeError, None),
    ],
)
def test_errors_inside_a_stream(failure: Any, kind: type[LLMGateError], code: Any) -> None:
    """Nested, as they are sent, or flat, as they are documented."""
    with pytest.raises(kind) as caught:
        read(CREATED, failure)
    if code is not ...:
        assert code == getattr(caught.value, "code", None)


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        ("failed", {"code": "server_error", "message": "no"}, ServerError),
        ("failed", {"code": "rate_limit_exceeded", "message": "no"}, RateLimitError),
        ("failed", {"code": "bio_policy", "message": "no"}, ContentFilterError),
        ("failed", {"code": "vector_store_timeout", "message": "no"}, ServerError),
        ("failed", {"code": "invalid_prompt", "message": "no"}, BadRequestError),
        ("failed", None, ServerError),
        ("cancelled", None, ProviderError),
        ("queued", None, ProviderError),
    ],
)
@pytest.mark.parametrize("is_stream", [True, False])
def test_a_response_that_failed(
    status: str, error: Any, kind: type[ProviderError], is_stream: bool
) -> None:
    """It raises, whichever way it came; some hosts send it with status 200."""
    response: dict[str, Any] = {**DONE, "status": status, "error": error}
    events: list[Any] = [CREATED, {"type": f"response.{status}", "response": response}]
    if status == "queued":
        events[1] = COMPLETED | {"response": response}
    with pytest.raises(kind) as caught:
        read(*events) if is_stream else whole(response)
    assert is_stream == caught.value.in_stream


# --- whole responses ------------------------------------------------------------------------


def test_events_in_place_of_a_whole_response() -> None:
    """They are read."""
    assert "Hm." == whole(written([CREATED, text("Hm."), COMPLETED])).text


def test_content_that_is_one_text() -> None:
    """As small servers write it; a part that is none is left out, and kept."""
    assert "Hm." == whole({**DONE, "output": [{"type": "message", "content": "Hm."}]}).text
    odd = {"type": "message", "content": [7, {"type": "output_text", "text": "Hm."}]}
    answer = whole({**DONE, "output": [odd]})
    assert ("Hm.", [odd]) == (answer.text, items_in(answer.choices[0].message))


def test_an_error_in_place_of_a_whole_response() -> None:
    """With status 200, as some proxies send it."""
    with pytest.raises(RateLimitError) as caught:
        whole({"error": {"message": "no", "code": "rate_limit_exceeded"}})
    assert not caught.value.in_stream


def test_the_end_of_the_bytes_after_the_end() -> None:
    """It says no more."""
    decoder = ResponsesDecoder("7")
    read_stream(decoder, [written([CREATED, COMPLETED])])
    assert () == decoder.close()


@pytest.mark.parametrize(
    "payload",
    [
        {"output": None},
        {"output": [7]},
        {"output": [{"type": "function_call", "arguments": "{}"}]},
        {"output": [{"type": "message", "content": [{"text": 7}]}]},
        {"output": [{"type": "message", "content": [{"text": "Hm."}, {"refusal": [1]}]}]},
    ],
)
def test_a_response_that_says_something_else(payload: Any) -> None:
    """What it is about is read strictly."""
    with pytest.raises(DecodeError, match="not one of the Responses API") as caught:
        whole({**DONE, **payload})
    assert caught.value.frame is not None


@pytest.mark.parametrize(
    "odd",
    [
        {"type": ["x"]},
        text("Hm.", [1]),
        event("output_text.delta", delta="Hm.", content_index=[1]),
        text([7]),
        added({"type": "function_call"}),
        {"type": "response.completed", "response": 7},
    ],
)
def test_events_that_say_something_else(odd: Any) -> None:
    """They raise with the event."""
    with pytest.raises(DecodeError, match="the event cannot be read") as caught:
        read(CREATED, odd)
    assert caught.value.frame is not None


def test_odd_values_beside_the_content_lose_nothing() -> None:
    """They are reported, and stand in extra as they came."""
    report = Report()
    done = {**DONE, "usage": "many", "service_tier": [1], "input_transformations": 7, "output": 7}
    answer = read(CREATED, text("Hm."), COMPLETED | {"response": done}, report=report)
    assert ("Hm.", None, None) == (answer.text, answer.usage, answer.service_tier)
    assert ("many", [1], 7) == (
        answer.extra["usage"],
        answer.extra["service_tier"],
        answer.extra["input_transformations"],
    )
    assert len(report) >= 2


def test_every_chunk_has_the_head() -> None:
    """Also those of a stream that begins without it, which are then without."""
    decoder = ResponsesDecoder("7")
    chunks = read_stream(decoder, [written([CREATED, text("Hm."), COMPLETED])])
    assert {"resp_1"} == {chunk.id for chunk in chunks}
    assert all(isinstance(chunk, Chunk) for chunk in chunks)
    late = read_stream(ResponsesDecoder("7"), [written([text("Hm."), COMPLETED])])
    assert ["", "resp_1"] == [late[0].id, late[-1].id]
