"""What a response and the lines of a stream become, and which are none."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from llmgate.errors import DecodeError, OverloadedError, ServerError, StreamTruncatedError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.framing import Frame
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.testing import drive, read_stream
from llmgate.testing.driving import call_of
from llmgate.types import Chunk, Completion
from llmgate_ollama import Ollama
from llmgate_ollama.response.body import decode

PROVIDER = Ollama()
MESSAGE = {"role": "assistant", "content": "Hi"}
DONE: dict[str, Any] = {"model": "m", "message": MESSAGE, "done": True, "done_reason": "stop"}


def decoded(payload: Any) -> Completion:
    """The completion of a whole response."""
    call = call_of(PROVIDER, {"model": "m", "messages": [{"role": "user", "content": "Hi"}]})
    response = HttpResponse(200, {}, json.dumps(payload).encode())
    answer: Completion = drive(PROVIDER.complete(call), [response]).result
    return answer


def streamed(*lines: Any, end: bytes = b"\n") -> list[Chunk]:
    """The chunks of a stream of these lines."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    call = call_of(PROVIDER, asked)
    decoder = drive(PROVIDER.stream(call), [HttpResponse(200, {}, b"")]).result
    body = b"\n".join(json.dumps(line).encode() for line in lines) + end
    return list(read_stream(decoder, [body]))


NO_COMPLETIONS: list[Any] = [
    {},
    [],
    {"done": True},
    {"message": {}, "done": True},
    {"message": MESSAGE},
    {**DONE, "done": False},
    {**DONE, "message": {"content": 5}},
    {**DONE, "message": {"content": "Hi", "tool_calls": [{}]}},
    {**DONE, "message": {"content": "Hi", "tool_calls": [{"function": {"name": ""}}]}},
    {
        **DONE,
        "message": {"tool_calls": [{"function": {"name": "f", "arguments": [1]}}]},
    },
]


@pytest.mark.parametrize("payload", NO_COMPLETIONS)
def test_what_is_no_completion_is_refused(payload: Any) -> None:
    """The error holds what came."""
    with pytest.raises(DecodeError) as caught:
        decoded(payload)
    assert caught.value.frame == json.dumps(payload).encode()


def test_calls_of_older_servers() -> None:
    """Ids are made of the call's own; missing arguments are the empty object, texts stay."""
    calls = [
        {"function": {"name": "a"}},
        {"function": {"name": "b", "arguments": '{"x":1}'}},
        {"id": "call_c", "function": {"name": "c", "arguments": {"y": "é"}}},
    ]
    choice = decoded({**DONE, "message": {"tool_calls": calls}}).choices[0]
    assert choice.finish_reason == "tool_calls"
    assert choice.message.content is None
    found = choice.message.tool_calls or []
    assert [call.id for call in found] == ["call_call_0", "call_call_1", "call_c"]
    functions = [call.function for call in found if call.function]
    assert [each.arguments for each in functions] == ["{}", '{"x":1}', '{"y":"é"}']


def test_usage_that_is_half_there() -> None:
    """A prompt from the cache is not counted by older servers; without any count there is none."""
    usage = decoded({**DONE, "eval_count": 5}).usage
    assert usage is not None
    assert (usage.prompt_tokens, usage.completion_tokens, usage.total_tokens) == (0, 5, 5)
    assert decoded(DONE).usage is None


def test_what_is_odd_beside_the_content_loses_nothing() -> None:
    """It is read where its meaning is plain, reported, and kept as it came."""
    odd: dict[str, Any] = {
        "done_reason": [],
        "eval_count": "7",
        "logprobs": "x",
        "prompt_eval_count": {},
    }
    message = {**MESSAGE, "role": 1, "images": 2}
    payload: Any = {**DONE, **odd, "model": 5, "message": message}
    report = Report()
    answer = decode(HttpResponse(200, {}, json.dumps(payload).encode()), "x", report)
    assert (answer.text, answer.model) == ("Hi", "5")
    assert answer.usage is not None
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (0, 7)
    assert {name: answer.extra[name] for name in odd} == odd
    assert answer.choices[0].message.extra["images"] == 2
    names = {*odd, "model", "message.role", "message.images"}
    assert {each.path for each in report} == {f"response.{name}" for name in names}


@pytest.mark.skipif(not hasattr(time, "tzset"), reason="the zone cannot be set here")
def test_a_time_without_a_zone_is_in_utc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wherever the program runs."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert 1796032800 == decoded({**DONE, "created_at": "2026-11-30T10:00:00"}).created
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize("moment", [None, 5, "yesterday", "1970-01-01T00:00:00Z"])
def test_times_that_are_none(moment: Any) -> None:
    """They are not known, and stay as they came."""
    completion = decoded({**DONE, "created_at": moment})
    assert completion.created == 0
    assert completion.extra.get("created_at") == moment


def test_images_of_a_response_go_back() -> None:
    """They are kept as Ollama's own."""
    message = decoded({**DONE, "message": {**MESSAGE, "images": ["aW1n"]}}).choices[0].message
    assert message.provider_data == {"ollama": {"images": ["aW1n"]}}


def test_calls_of_a_stream_are_counted() -> None:
    """Whichever line they come on."""
    calls: list[Any] = [{"function": {"name": name, "arguments": {}}} for name in "abc"]
    chunks = streamed(
        {**DONE, "done": False, "message": {"role": "assistant", "tool_calls": calls[:2]}},
        {**DONE, "done": False, "message": {"content": "Hi"}},
        {**DONE, "message": {"role": "assistant", "content": "", "tool_calls": calls[2:]}},
    )
    message = accumulate(chunks).choices[0].message
    names = [call.function.name for call in message.tool_calls or [] if call.function]
    assert names == ["a", "b", "c"]
    assert chunks[-1].choices[0].finish_reason == "tool_calls"
    assert chunks[0].choices[0].delta.role == "assistant"
    assert chunks[1].choices[0].delta.role is None


def test_the_last_line_may_lack_its_end() -> None:
    """It is the terminator all the same."""
    assert accumulate(streamed(DONE, end=b"")).text == "Hi"


def test_nothing_follows_the_last_line() -> None:
    """A decoder that has read it has nothing more to give."""
    asked = {"model": "m", "messages": [{"role": "user", "content": "Hi"}], "stream": True}
    decoder = drive(PROVIDER.stream(call_of(PROVIDER, asked)), [HttpResponse(200, {}, b"")]).result
    assert len([*decoder.feed(Frame(json.dumps(DONE).encode()))]) == 1
    assert (decoder.finished, [*decoder.close()]) == (True, [])


def test_a_stream_without_its_last_line_is_truncated() -> None:
    """Its chunks were delivered before."""
    with pytest.raises(StreamTruncatedError):
        streamed({**DONE, "done": False})


@pytest.mark.parametrize("line", [{"message": MESSAGE}, {"message": MESSAGE, "done": 1}, 5, {}])
def test_lines_that_are_none(line: Any) -> None:
    """The error holds the line."""
    with pytest.raises(DecodeError) as caught:
        streamed(line)
    assert caught.value.frame == json.dumps(line).encode()


@pytest.mark.parametrize(
    ("line", "kind", "status"),
    [
        ({"error": "the runner died"}, ServerError, 500),
        ({"error": "busy", "status": 503}, OverloadedError, 503),
        ({"error": "busy", "StatusCode": 503}, OverloadedError, 503),
        ({"error": "odd", "status": "503", "status_code": 200}, ServerError, 500),
    ],
)
def test_errors_with_status_200(line: Any, kind: type[Exception], status: int) -> None:
    """In a stream and in a whole response, the class is that of the status which it names."""
    with pytest.raises(ServerError if kind is ServerError else OverloadedError) as caught:
        streamed({**DONE, "done": False}, line)
    assert (type(caught.value), caught.value.status) == (kind, status)
    assert caught.value.in_stream
    with pytest.raises(type(caught.value)) as whole:
        decoded(line)
    assert not whole.value.in_stream


def test_an_error_without_a_text_says_so() -> None:
    """It is an error all the same."""
    error = Ollama().error(HttpResponse(500, {}, b'{"error": " "}'))
    assert (500, "an error without a text") == (error.status, error.message)
