"""What departs from OpenAI's format beside text, choices and calls: it never loses a response."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from llmgate.errors import DecodeError, ProviderError, StreamTruncatedError
from llmgate.provider.accumulate import accumulate
from llmgate.provider.http import HttpResponse
from llmgate.report import Report
from llmgate.types import Chunk, Completion
from llmgate_openai import ChatDecoder, chat_error, decode

_DONE = b"data: [DONE]\n\n"
_USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def _whole(message: Any = None, choice: Any = None, **head: Any) -> dict[str, Any]:
    spoken: dict[str, Any] = {"role": "assistant", "content": "Hi", **(message or {})}
    one: dict[str, Any] = {"index": 0, "message": spoken, "finish_reason": "stop", **(choice or {})}
    return {
        "id": "c-1",
        "object": "chat.completion",
        "created": 1760000000,
        "model": "m",
        "choices": [one],
        "usage": _USAGE,
        **head,
    }


def _events(message: Any = None, choice: Any = None, **head: Any) -> list[dict[str, Any]]:
    """The same as a stream: the odd value comes with the text, twice, and the end after it."""
    envelope = {"id": "c-1", "object": "chat.completion.chunk", "created": 1760000000, "model": "m"}
    part: dict[str, Any] = message or {}
    one: dict[str, Any] = {"index": 0, "delta": {"content": "H", **part}, "finish_reason": None}
    other: dict[str, Any] = {"index": 0, "delta": {"content": "i", **part}, "finish_reason": None}
    end: dict[str, Any] = {"index": 0, "delta": {}, "finish_reason": "stop"}
    usage = {"usage": _USAGE}
    return [
        {**envelope, "choices": [{**one, **(choice or {})}], **head},
        {**envelope, "choices": [{**other, **(choice or {})}], **head},
        {**envelope, **usage, "choices": [{**end, **(choice or {})}], **head},
    ]


def _sse(events: list[Any], end: bytes = _DONE) -> bytes:
    return b"".join(b"data: %s\n\n" % json.dumps(event).encode() for event in events) + end


def _decoded(body: Any, report: Report | None = None) -> Completion:
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    return decode(HttpResponse(200, {}, raw), "7", report)


def _chunks(body: bytes, report: Report | None = None) -> Iterator[Chunk]:
    decoder = ChatDecoder("7", report=report)
    for frame in [*decoder.framer.feed(body), *decoder.framer.close()]:
        yield from decoder.feed(frame)
    yield from decoder.close()


def _streamed(events: list[Any], report: Report | None = None) -> Completion:
    return accumulate(_chunks(_sse(events), report))


# --- side fields --------------------------------------------------------------------------

_ODD: list[tuple[dict[str, Any], str, Any, Any]] = [
    ({"id": 5}, "id", "5", 5),
    ({"id": ["x"]}, "id", "", ["x"]),
    ({"created": "1760000001"}, "created", 1760000001, "1760000001"),
    ({"created": "2025-10-09T08:53:21Z"}, "created", 1760000001, "2025-10-09T08:53:21Z"),
    ({"created": "2025-10-09 08:53:21"}, "created", 1760000001, "2025-10-09 08:53:21"),
    ({"created": "soon"}, "created", 0, "soon"),
    ({"created": {}}, "created", 0, {}),
    ({"model": 5}, "model", "5", 5),
    ({"service_tier": 7}, "service_tier", "7", 7),
    ({"service_tier": {}}, "service_tier", None, {}),
    ({"system_fingerprint": {}}, "system_fingerprint", None, {}),
    ({"choice": {"index": "0"}}, "choices[0].index", 0, "0"),
    ({"choice": {"index": []}}, "choices[0].index", 0, []),
    ({"choice": {"logprobs": ""}}, "choices[0].logprobs", None, ""),
    ({"choice": {"logprobs": []}}, "choices[0].logprobs", None, []),
    ({"choice": {"native_finish_reason": 5}}, "choices[0].native_finish_reason", "5", 5),
    ({"message": {"refusal": False}}, "choices[0].message.refusal", None, False),
    ({"message": {"reasoning_content": {}}}, "choices[0].message.reasoning_content", None, {}),
    ({"message": {"audio": []}}, "choices[0].message.audio", None, []),
    ({"message": {"annotations": {"a": 1}}}, "choices[0].message.annotations", None, {"a": 1}),
    ({"message": {"annotations": "x"}}, "choices[0].message.annotations", None, "x"),
    ({"message": {"tool_calls": {}}}, "choices[0].message.tool_calls", None, {}),
    ({"message": {"tool_calls": ""}}, "choices[0].message.tool_calls", None, ""),
    ({"message": {"function_call": "auto"}}, "choices[0].message.function_call", None, "auto"),
    ({"message": {"provider_data": 5}}, "choices[0].message.provider_data", None, 5),
    ({"message": {"role": []}}, "choices[0].message.role", "assistant", []),
    ({"usage": []}, "usage", None, []),
    ({"usage": "none"}, "usage", None, "none"),
    ({"usage": {"prompt_tokens": []}}, "usage", None, {"prompt_tokens": []}),
]


def _at(value: Any, path: str) -> Any:
    for name in path.replace("[0]", ".0").split("."):
        value = value[int(name)] if name.isdecimal() else value[name]
    return value


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("odd", "path", "expected", "raw"), _ODD)
def test_an_odd_side_field_never_loses_the_response(
    odd: dict[str, Any], path: str, expected: Any, raw: Any, *, streamed: bool
) -> None:
    """It is converted or None, its raw value is in ``extra``, and it is reported once."""
    report = Report()
    completion = _streamed(_events(**odd), report) if streamed else _decoded(_whole(**odd), report)
    assert completion.text == "Hi"
    assert completion.choices[0].finish_reason == "stop"
    assert _at(completion, path) == expected
    holder, _, name = path.rpartition(".")
    kept = (_at(completion, holder) if holder else completion).extra
    assert kept[name] == raw
    assert report[0].path.startswith("response.")
    assert report[0].path.endswith(name if name != "usage" else report[0].path)
    assert len(report) == len({each.path for each in report})
    dumped = completion.model_dump()
    assert _at(dumped, path) == expected
    assert Completion.model_validate(json.loads(completion.model_dump_json())) == completion
    assert completion.choices[0].message.to_dict()["content"] == "Hi"


@pytest.mark.parametrize("finish", [5, ["stop"], {}])
def test_an_odd_finish_reason_is_no_reason_that_is_known(finish: Any) -> None:
    """A number is a word of the host's own; anything else is none."""
    completion = _decoded(_whole(choice={"finish_reason": finish}))
    expected = ("other", "5") if finish == 5 else (None, None)
    choice = completion.choices[0]
    assert (choice.finish_reason, choice.native_finish_reason) == expected
    assert choice.extra["finish_reason"] == finish


def test_what_is_as_it_should_be_is_not_reported() -> None:
    """Whole and streamed."""
    report = Report()
    assert _decoded(_whole(), report).extra == {}
    assert _streamed(_events(), report).extra == {}
    assert not report


# --- calls --------------------------------------------------------------------------------

_CALL = {"id": "a", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (_CALL, ("a", "function")),
        ([{**_CALL, "id": 5}], ("5", "function")),
        ([{**_CALL, "type": 5}], ("a", "function")),
    ],
)
def test_a_call_is_read_whose_meaning_is_plain(calls: Any, expected: tuple[str, str]) -> None:
    """A single call in place of a list, a number for an id; and it is reported."""
    message = {"content": None, "tool_calls": calls}
    streamed = calls if calls is _CALL else [{"index": 0, **calls[0]}]
    deltas = [*_events({**message, "tool_calls": streamed})[:1], *_events()[2:]]
    for body in (_whole(message), _sse(deltas)):
        report = Report()
        (call,) = _decoded(body, report).choices[0].message.tool_calls or []
        assert call.function is not None
        assert (call.id, call.type, call.function.name) == (*expected, "f")
        assert any("tool_calls" in each.path for each in report)


@pytest.mark.parametrize("index", ["x", "-1", [], True, {}])
def test_a_fragment_without_a_readable_index_continues_the_last_call(index: Any) -> None:
    """As one without any does."""
    first = {"tool_calls": [{**_CALL, "index": 0, "function": {"name": "f", "arguments": "{"}}]}
    rest = {"tool_calls": [{"index": index, "function": {"arguments": "}"}}]}
    report = Report()
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in (first, rest)]
    (call,) = _streamed([*events, *_events()[2:]], report).choices[0].message.tool_calls or []
    assert call.function is not None
    assert call.function.arguments == "{}"
    assert [each.path for each in report] == ["response.choices.delta.tool_calls.index"]


# --- usage --------------------------------------------------------------------------------

_COUNTS: list[tuple[Any, tuple[int, int, int] | None]] = [
    ({"prompt_tokens": "3", "completion_tokens": "2", "total_tokens": "5"}, (3, 2, 5)),
    ({"prompt_tokens": 3, "completion_tokens": 1.6, "total_tokens": 4.6}, (3, 2, 5)),
    ({"prompt_tokens": 3.0, "completion_tokens": 2.0, "total_tokens": 5.0}, (3, 2, 5)),
    ({"input_tokens": 3, "output_tokens": 4}, (3, 4, 7)),
    ({"prompt_tokens": 3, "total_tokens": 5}, (3, 2, 5)),
    ({"prompt_tokens": 3, "completion_tokens": 2}, (3, 2, 5)),
    ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, (0, 0, 0)),
    ({"prompt_tokens": None, "completion_tokens": None, "total_tokens": None}, None),
    ({"cost": 1}, None),
    ({}, None),
    ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 215}, (10, 205, 215)),
    ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 11}, (10, 5, 11)),
    ({**_USAGE, "completion_tokens_details": {"reasoning_tokens": 7}}, (3, 2, 5)),
    (
        {**_USAGE, "total_tokens": 12, "completion_tokens_details": {"reasoning_tokens": 7}},
        (3, 9, 12),
    ),
    (
        {**_USAGE, "total_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}},
        (3, 2, 20),
    ),
    ({**_USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}, (3, 2, 5)),
    ({**_USAGE, "reasoning_tokens": 1}, (3, 2, 5)),
    ({**_USAGE, "total_tokens": 9, "prompt_tokens_details": {"audio_tokens": 4}}, (7, 2, 9)),
    ({**_USAGE, "prompt_tokens_details": []}, (3, 2, 5)),
    ({**_USAGE, "prompt_tokens_details": {"cached_tokens": "2"}}, (3, 2, 5)),
    ({"prompt_tokens": 2**70, "completion_tokens": 2, "total_tokens": 5}, (0, 5, 5)),
]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("usage", "expected"), _COUNTS)
def test_usage_is_what_was_billed(
    usage: Any, expected: tuple[int, int, int] | None, *, streamed: bool
) -> None:
    """Reasoning is contained in the completion's tokens; what was not given is None."""
    read = _streamed(_events(usage=usage)) if streamed else _decoded(_whole(usage=usage))
    counts = read.usage and (
        read.usage.prompt_tokens,
        read.usage.completion_tokens,
        read.usage.total_tokens,
    )
    assert counts == expected


@pytest.mark.parametrize(
    ("usage", "name", "expected"),
    [
        ({"num_cached_tokens": 2}, "cached_tokens", 2),
        ({"cached_tokens": 2}, "cached_tokens", 2),
        ({"prompt_cache_hit_tokens": 2}, "cached_tokens", 2),
        ({"prompt_cache_hit_tokens": 0}, "cached_tokens", None),
        ({"audio_prompt_tokens": 2}, "audio_tokens", 2),
        ({"input_tokens_details": {"cached_tokens": 2}}, "cached_tokens", 2),
        ({"prompt_token_details": {"cached_tokens": 2}}, "cached_tokens", 2),
        (
            {"prompt_tokens_details": {"cached_tokens": 1}, "cached_tokens": 2},
            "cached_tokens",
            1,
        ),
    ],
)
def test_parts_of_the_prompt_are_found(usage: Any, name: str, expected: int | None) -> None:
    """Under each of the names in use."""
    read = _decoded(_whole(usage={**_USAGE, **usage})).usage
    assert read is not None
    details = read.prompt_tokens_details
    assert (details.get(name) if details else None) == expected


def test_reasoning_that_is_counted_beside_the_text_is_reported() -> None:
    """With both counts, as what people pay for differs from what the host wrote."""
    report = Report()
    usage = {"prompt_tokens": 288, "completion_tokens": 27, "total_tokens": 620}
    details = {"completion_tokens_details": {"reasoning_tokens": 305}}
    for _ in range(2):
        _decoded(_whole(usage={**usage, **details}), report)
    (deviation,) = report
    assert deviation.path == "response.usage.completion_tokens"
    assert (deviation.given, deviation.sent) == (27, 332)


def test_zeros_replace_no_usage() -> None:
    """Some hosts send them once more at the end."""
    zeros = dict.fromkeys(_USAGE, 0)
    completion = _streamed([*_events(), {"choices": [], "usage": zeros}])
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5


def test_groqs_object_is_merged_over_the_stream() -> None:
    """The seed comes first, the usage last."""
    events = _events()
    first, last = {"id": "r", "seed": 69}, {"id": "r", "usage": _USAGE}
    events = [{**events[0], "x_groq": first}, {**events[2], "usage": None, "x_groq": last}]
    completion = _streamed(events)
    assert completion.extra["x_groq"] == {"id": "r", "seed": 69, "usage": _USAGE}
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5


# --- the other framing --------------------------------------------------------------------


@pytest.mark.parametrize("begin", [b"", b"\n", b": hello\n\n", b"\xef\xbb\xbf"])
def test_a_stream_in_place_of_a_whole_response_is_read(begin: bytes) -> None:
    """And reported."""
    report = Report()
    completion = _decoded(begin + _sse(_events()), report)
    assert (completion.text, completion.choices[0].finish_reason) == ("Hi", "stop")
    assert completion.usage is not None
    assert "response" in report


def test_a_cut_stream_in_place_of_a_whole_response_is_truncated() -> None:
    """What came is at hand."""
    with pytest.raises(StreamTruncatedError) as caught:
        _decoded(_sse(_events()[:1], b""))
    assert caught.value.partial is not None
    assert caught.value.partial.text == "H"


def test_an_error_in_a_stream_in_place_of_a_whole_response_is_raised() -> None:
    """As it would be from a stream."""
    with pytest.raises(ProviderError, match="too slow"):
        _decoded(_sse([*_events()[:1], {"error": {"message": "too slow"}}]))


def test_a_terminator_behind_a_whole_response_is_no_harm() -> None:
    """It is reported; anything else behind it is not JSON."""
    report = Report()
    body = json.dumps(_whole()).encode()
    assert _decoded(body + b"\n\ndata: [DONE]\n\n", report).text == "Hi"
    assert "response" in report
    with pytest.raises(DecodeError):
        _decoded(body + b"\n\ndata: more\n\n")
    with pytest.raises(DecodeError):
        _decoded(body[:-1] + b"\n\ndata: [DONE]\n\n")


@pytest.mark.parametrize("finish", ["stop", None])
def test_a_whole_response_in_place_of_a_stream_is_read(finish: str | None) -> None:
    """With its calls and its usage, whether or not it says why it ended."""
    whole = _whole({"tool_calls": [_CALL]}, {"finish_reason": finish})
    for body in (_sse([whole]), _sse([whole], b"")):
        report = Report()
        completion = accumulate(_chunks(body, report))
        assert completion.text == "Hi"
        assert completion.usage is not None
        assert completion.choices[0].message.tool_calls is not None
        assert [each.path for each in report] == ["response"]


@pytest.mark.parametrize("mark", [b'"[DONE]"', b"[done]", b"[DONE]"])
def test_a_terminator_in_another_spelling_ends_the_stream(mark: bytes) -> None:
    """And is reported, if it is another."""
    report = Report()
    completion = accumulate(_chunks(_sse(_events(), b"data: %s\n\n" % mark), report))
    assert completion.text == "Hi"
    assert ("response" in report) is (mark != b"[DONE]")


def test_null_events_say_nothing() -> None:
    """They are reported, once."""
    report = Report()
    events = _events()
    assert _streamed([None, events[0], None, *events[1:]], report).text == "Hi"
    assert [each.path for each in report] == ["response"]


def test_events_that_one_line_end_separates_are_read() -> None:
    """And reported."""
    report = Report()
    body = _sse(_events()).replace(b"\n\n", b"\n")
    assert accumulate(_chunks(body, report)).text == "Hi"
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
        _ = _streamed([payload]) if streamed else _decoded(payload)
    assert caught.value.code == code
    assert caught.value.in_stream is streamed


def test_a_success_is_no_error() -> None:
    """MiniMax says so with each response."""
    completion = _decoded(_whole(base_resp={"status_code": 0, "status_msg": ""}, success=True))
    assert completion.text == "Hi"


def test_a_list_with_an_error_is_that_error() -> None:
    """Google's compatible endpoint wraps it, with a status as well."""
    body = json.dumps([{"error": {"code": 400, "message": "The key is not valid."}}]).encode()
    error = chat_error(HttpResponse(400, {}, body))
    assert error.message == "The key is not valid."


def test_another_kind_of_object_is_read_all_the_same() -> None:
    """A few hosts name it otherwise."""
    completion = _decoded(_whole(object="text"))
    assert (completion.text, completion.object) == ("Hi", "text")
