"""Odd values beside the content: they lose nothing of a completion."""

from __future__ import annotations

import json
from typing import Any

import pytest

from llmgate.report import Report
from llmgate.types import Completion
from llmgate_openai.response.usage import read_usage
from tests.integration.openai_bodies import (
    TOOL_CALL,
    USAGE,
    decoded_body,
    events_of,
    sse_bytes,
    streamed_completion,
    whole_body,
)

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
    completion = (
        streamed_completion(events_of(**odd), report)
        if streamed
        else decoded_body(whole_body(**odd), report)
    )
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
    completion = decoded_body(whole_body(choice={"finish_reason": finish}))
    expected = ("other", "5") if finish == 5 else (None, None)
    choice = completion.choices[0]
    assert (choice.finish_reason, choice.native_finish_reason) == expected
    assert choice.extra["finish_reason"] == finish


def test_what_is_as_it_should_be_is_not_reported() -> None:
    """Whole and streamed."""
    report = Report()
    assert decoded_body(whole_body(), report).extra == {}
    assert streamed_completion(events_of(), report).extra == {}
    assert not report


# --- calls --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("calls", "expected"),
    [
        (TOOL_CALL, ("a", "function")),
        ([{**TOOL_CALL, "id": 5}], ("5", "function")),
        ([{**TOOL_CALL, "type": 5}], ("a", "function")),
    ],
)
def test_a_call_is_read_whose_meaning_is_plain(calls: Any, expected: tuple[str, str]) -> None:
    """A single call in place of a list, a number for an id; and it is reported."""
    message = {"content": None, "tool_calls": calls}
    streamed = calls if calls is TOOL_CALL else [{"index": 0, **calls[0]}]
    deltas = [*events_of({**message, "tool_calls": streamed})[:1], *events_of()[2:]]
    for body in (whole_body(message), sse_bytes(deltas)):
        report = Report()
        (call,) = decoded_body(body, report).choices[0].message.tool_calls or []
        assert call.function is not None
        assert (call.id, call.type, call.function.name) == (*expected, "f")
        assert any("tool_calls" in each.path for each in report)


@pytest.mark.parametrize("index", ["x", "-1", [], True, {}])
def test_a_fragment_without_a_readable_index_continues_the_last_call(index: Any) -> None:
    """As one without any does."""
    first = {"tool_calls": [{**TOOL_CALL, "index": 0, "function": {"name": "f", "arguments": "{"}}]}
    rest = {"tool_calls": [{"index": index, "function": {"arguments": "}"}}]}
    report = Report()
    events = [{"choices": [{"index": 0, "delta": delta}]} for delta in (first, rest)]
    (call,) = (
        streamed_completion([*events, *events_of()[2:]], report).choices[0].message.tool_calls or []
    )
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
    ({**USAGE, "completion_tokens_details": {"reasoning_tokens": 7}}, (3, 2, 5)),
    (
        {**USAGE, "total_tokens": 12, "completion_tokens_details": {"reasoning_tokens": 7}},
        (3, 9, 12),
    ),
    (
        {**USAGE, "total_tokens": 20, "completion_tokens_details": {"reasoning_tokens": 7}},
        (3, 2, 20),
    ),
    ({**USAGE, "completion_tokens_details": {"reasoning_tokens": 2}}, (3, 2, 5)),
    ({**USAGE, "reasoning_tokens": 1}, (3, 2, 5)),
    ({**USAGE, "total_tokens": 9, "prompt_tokens_details": {"audio_tokens": 4}}, (7, 2, 9)),
    ({**USAGE, "prompt_tokens_details": []}, (3, 2, 5)),
    ({**USAGE, "prompt_tokens_details": {"cached_tokens": "2"}}, (3, 2, 5)),
    ({"prompt_tokens": 2**70, "completion_tokens": 2, "total_tokens": 5}, (0, 5, 5)),
    ({"prompt_tokens": -(2**70), "completion_tokens": 2, "total_tokens": 2 - 2**70}, (0, 2, 2)),
    ({"prompt_tokens": 2**70, "completion_tokens": -(2**70), "total_tokens": 0}, (0, 0, 0)),
]


def test_large_counts_of_details_are_left_out() -> None:
    """Below zero as above it."""
    for count in (2**70, -(2**70)):
        report = Report()
        usage = {**USAGE, "prompt_tokens_details": {"cached_tokens": count}}
        read = read_usage(usage, {}, report)
        assert read is not None
        assert read.prompt_tokens_details is not None
        assert None is read.prompt_tokens_details.cached_tokens
        assert ["response.usage.prompt_tokens_details.cached_tokens"] == [x.path for x in report]


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
@pytest.mark.parametrize(("usage", "expected"), _COUNTS)
def test_usage_is_what_was_billed(
    usage: Any, expected: tuple[int, int, int] | None, *, streamed: bool
) -> None:
    """Reasoning is contained in the completion's tokens; what was not given is None."""
    read = (
        streamed_completion(events_of(usage=usage))
        if streamed
        else decoded_body(whole_body(usage=usage))
    )
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
    read = decoded_body(whole_body(usage={**USAGE, **usage})).usage
    assert read is not None
    details = read.prompt_tokens_details
    assert (details.get(name) if details else None) == expected


def test_reasoning_that_is_counted_beside_the_text_is_reported() -> None:
    """With both counts, as what people pay for differs from what the host wrote."""
    report = Report()
    usage = {"prompt_tokens": 288, "completion_tokens": 27, "total_tokens": 620}
    details = {"completion_tokens_details": {"reasoning_tokens": 305}}
    for _ in range(2):
        decoded_body(whole_body(usage={**usage, **details}), report)
    (deviation,) = report
    assert deviation.path == "response.usage.completion_tokens"
    assert (deviation.given, deviation.sent) == (27, 332)


def test_zeros_replace_no_usage() -> None:
    """Some hosts send them once more at the end."""
    zeros = dict.fromkeys(USAGE, 0)
    completion = streamed_completion([*events_of(), {"choices": [], "usage": zeros}])
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5


def test_groqs_object_is_merged_over_the_stream() -> None:
    """The seed comes first, the usage last."""
    events = events_of()
    first, last = {"id": "r", "seed": 69}, {"id": "r", "usage": USAGE}
    events = [{**events[0], "x_groq": first}, {**events[2], "usage": None, "x_groq": last}]
    completion = streamed_completion(events)
    assert completion.extra["x_groq"] == {"id": "r", "seed": 69, "usage": USAGE}
    assert completion.usage is not None
    assert completion.usage.total_tokens == 5
