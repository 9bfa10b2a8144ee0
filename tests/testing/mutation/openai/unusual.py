"""Whole responses of OpenAI's imitators, in forms that are not quite its own."""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.testing import RecordedExchange
from tests.testing.mutation.openai.values import (
    ASK,
    CITED,
    COUNTS,
    WITH_TOOLS,
    answered,
    called,
    choice,
)
from tests.testing.mutation.writing import whole

__all__ = ["UNUSUAL"]

LARGE = 2**63
TEXT = choice("stop", content="Rain.")


def said(name: str, report: list[str], completion: dict[str, Any], **message: Any) -> Any:
    """A response with this message."""
    said: dict[str, Any] = {"content": "Rain.", **message}
    given = answered({**TEXT, "finish_reason": "eos", "message": {"role": "assistant", **said}})
    return whole(name, ASK, given, report=report, completion=completion)


def in_message(**fields: Any) -> dict[str, Any]:
    """A completion whose message has these."""
    return {"choices": [{"message": fields}]}


def calling(name: str, calls: Any, report: list[str], **expected: Any) -> RecordedExchange:
    """A response with these calls."""
    given = answered(choice("tool_calls", content=None, tool_calls=calls))
    return whole(name, WITH_TOOLS, given, report=report, **expected)


def headed(name: str, report: list[str], expected: dict[str, Any], **fields: Any) -> Any:
    """A response with this beside its choices."""
    given = answered(choice("eos", content="Rain."))  # so that it is read field by field
    return whole(name, ASK, {**given, **fields}, report=report, completion=expected)


_FAILED: list[tuple[str, type[errors.LLMGateError], int | None, str, Any]] = [
    ("an object", errors.ProviderError, None, "x", {"object": "error", "message": "x"}),
    ("a text", errors.ProviderError, None, "x", {"error": "x"}),
    ("a number", errors.ProviderError, None, "5", {"error": 5}),
    ("a list", errors.NotFoundError, 404, "x", [{"error": {"message": "x", "code": 404}}]),
    (
        "a status",
        errors.BadRequestError,
        400,
        "x",
        {"error": {"message": "x", "status": 400}},
    ),
    ("a message alone", errors.ProviderError, None, "x", {"message": "x", "choices": []}),
    ("a value alone", errors.ProviderError, None, "5", {"errors": 5, "choices": []}),
    (
        "no success",
        errors.ProviderError,
        None,
        "the host says that it had no success",
        {"success": False, "choices": [], "result": {}},
    ),
    (
        "no success and a code",
        errors.NotFoundError,
        404,
        "the host says that it had no success",
        {"success": False, "choices": [], "status": 404},
    ),
]

FAILURES = [
    *[
        whole(f"{name} in 200", ASK, payload, error=kind, status=status, message=message)
        for name, kind, status, message, payload in _FAILED
    ],
    whole(
        "success without choices", ASK, {"success": True, "choices": []}, error=errors.DecodeError
    ),
]

HEADS = [
    headed("created too late", ["response.created dropped"], {"created": 0}, created=LARGE),
    headed("created just in time", [], {"created": LARGE - 1}, created=LARGE - 1),
    headed(
        "created by a clock elsewhere",
        ["response.created converted"],
        {"created": 1700000001},
        created="2023-11-15T00:13:21+02:00",
        x_a=1,
    ),
    headed("created never", ["response.created dropped"], {"created": 0}, created="never", x_a=1),
    headed("without an id", [], {"id": ""}, id=None, x_a=1),
    headed("without a date", [], {"created": 0}, created=None, x_a=1),
    headed("of another kind", [], {"object": "text_completion"}, object="text_completion"),
    headed("of no kind", [], {"object": "chat.completion"}, object=None),
    headed(
        "an id that is a number",
        ["response.id converted"],
        {"id": "7"},
        id=7,
        system_fingerprint=None,
    ),
    headed(
        "usage that is none",
        ["response.usage dropped"],
        {"usage": None},
        usage="much",
    ),
    headed("usage without a count", [], {"usage": None}, usage={"x_cost": 1}),
]

_REASONS: list[tuple[str, str, dict[str, Any], str]] = [
    ("function_call", "calls", {"tool_calls": [called("a", "f", "{}")]}, "tool_calls"),
    ("function_call", "text", {"refusal": "no"}, "stop"),
    ("odd", "a function", {"function_call": {"name": "f"}}, "function_call"),
    ("length", "a function", {"function_call": {"name": "f"}}, "length"),
]

MESSAGES = [
    said(
        "an odd role",
        ["response.choices[0].message.role dropped"],
        in_message(role="assistant"),
        role=["x"],
    ),
    said(
        "odd annotations",
        ["response.choices[0].message.annotations dropped"],
        in_message(annotations=None),
        annotations=[5],
    ),
    said("citations", [], in_message(annotations=CITED), annotations=CITED),
    said("data of its own", [], in_message(provider_data={"a": 1}), provider_data={"a": 1}),
    said("a sound", [], in_message(audio={"id": "a"}), audio={"id": "a"}),
    said(
        "both reasonings",
        [],
        in_message(reasoning_content="a"),
        reasoning_content="a",
        reasoning="b",
    ),
    said(
        "parts that are kept",
        [],
        in_message(content="Rain.", content_parts=[{"type": "text", "text": "Rain."}]),
        content=[{"type": "text", "text": "Rain."}],
    ),
    said("no calls", [], in_message(tool_calls=None), tool_calls=[]),
    said(
        "calls that are an object",
        ["response.choices[0].message.tool_calls dropped"],
        in_message(tool_calls=None),
        tool_calls={},
    ),
    said("an empty function", [], in_message(function_call=None), function_call={}),
    *[
        whole(
            f"only {name}",
            ASK,
            answered({"index": 0, "message": {name: value}, "finish_reason": None}),
            completion=in_message(**{name: value}),
        )
        for name, value in [("refusal", "No."), ("audio", {"id": "a"}), ("images", [{"a": 1}])]
    ],
    whole(
        "only reasoning",
        ASK,
        answered({"index": 0, "message": {"reasoning": "a"}, "finish_reason": None}),
        completion=in_message(reasoning_content="a"),
    ),
    whole(
        "an odd index and odd fields",
        ASK,
        answered({**TEXT, "index": "0", "logprobs": "x", "x_a": 1}),
        report=["response.choices[0].index converted", "response.choices[0].logprobs dropped"],
        completion={"choices": [{"index": 0, "logprobs": None, "x_a": 1}]},
    ),
    whole(
        "odd reasons",
        ASK,
        answered({**TEXT, "finish_reason": 5, "native_finish_reason": ["x"]}),
        report=[
            "response.choices.finish_reason converted",
            "response.choices.native_finish_reason dropped",
        ],
    ),
    *[
        whole(
            f"{reason} with {name}",
            ASK,
            answered(
                {**choice(reason), "message": {"role": "assistant", "content": None, **fields}}
            ),
            finish_reason=expected,
        )
        for reason, name, fields, expected in _REASONS
    ],
]

CALLS = [
    calling(
        "a single call",
        called("a", "f", "{}"),
        ["response.choices[0].message.tool_calls converted"],
        tool_calls=[("f", {})],
    ),
    calling(
        "an odd type",
        [{**called("a", "f", "{}"), "type": 5}],
        ["response.choices[0].tool_calls[0].type dropped"],
        tool_calls=[("f", {})],
    ),
    calling(
        "an odd id",
        [{**called("a", "f", "{}"), "id": 5}],
        ["response.choices[0].tool_calls[0].id converted"],
        completion=in_message(tool_calls=[{"id": "5"}]),
    ),
    calling(
        "another type",
        [{"id": "a", "type": "odd", "odd": {"b": 1}}],
        [],
        completion=in_message(tool_calls=[{"id": "a", "type": "odd", "odd": {"b": 1}}]),
    ),
    calling("no name", [called("a", "", "{}")], [], error=errors.DecodeError),
    calling(
        "no custom name",
        [{"id": "a", "type": "custom", "custom": {}}],
        [],
        error=errors.DecodeError,
    ),
    calling("calls that are text", "x", [], error=errors.DecodeError),
    whole(
        "a function of no type",
        ASK,
        answered(choice("stop", content=None, function_call={"name": 5})),
        error=errors.DecodeError,
    ),
]

_USAGES: list[tuple[str, Any, dict[str, Any], list[str] | None]] = [
    (
        "details under another name",
        {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "input_tokens_details": {"cached_tokens": 2},
            "output_tokens_details": {"reasoning_tokens": 1},
        },
        {
            "prompt_tokens_details": {"cached_tokens": 2},
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
        [],
    ),
    (
        "details under a third name",
        {"prompt_tokens": 3, "prompt_token_details": {"cached_tokens": 2}},
        {"prompt_tokens_details": {"cached_tokens": 2}, "prompt_tokens": 3},
        [],
    ),
    (
        "parts beside it",
        {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 7,
            "cached_tokens": 2,
            "audio_prompt_tokens": 1,
            "completion_audio_tokens": 1,
        },
        {
            "prompt_tokens_details": {"cached_tokens": 2, "audio_tokens": 1},
            "completion_tokens_details": {"audio_tokens": 1},
        },
        [],
    ),
    (
        "zeros beside it",
        {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 7, "cached_tokens": 0},
        {"prompt_tokens": 3, "prompt_tokens_details": None},
        [],
    ),
    (
        "empty details",
        {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 8,
            "prompt_tokens_details": {},
            "completion_tokens_details": None,
        },
        {
            "prompt_tokens_details": {"cached_tokens": None},
            "completion_tokens_details": None,
            "completion_tokens": 5,
        },
        ["response.usage.completion_tokens converted"],
    ),
    (
        "all that is large",
        {"prompt_tokens": LARGE, "completion_tokens": 4, "total_tokens": LARGE + 4},
        {"prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4},
        ["response.usage.prompt_tokens dropped", "response.usage.total_tokens dropped"],
    ),
    (
        "large details",
        {**COUNTS, "prompt_tokens_details": {"cached_tokens": LARGE}},
        {"prompt_tokens_details": {"cached_tokens": None}},
        ["response.usage.prompt_tokens_details.cached_tokens dropped"],
    ),
    (
        "odd details",
        {**COUNTS, "completion_tokens_details": "x"},
        {"completion_tokens_details": None, "completion_tokens": 5},
        ["response.usage.completion_tokens_details dropped"],
    ),
    (
        "less than its parts",
        {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 5},
        {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 5},
        [],
    ),
    (
        "reasoning that is not beside it",
        {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 9,
            "completion_tokens_details": {"reasoning_tokens": 1},
        },
        {"prompt_tokens": 3, "completion_tokens": 4, "total_tokens": 9},
        [],
    ),
    (
        "one of audio beside it",
        {
            "prompt_tokens": 3,
            "completion_tokens": 4,
            "total_tokens": 8,
            "prompt_audio_tokens": 1,
        },
        {"prompt_tokens": 4, "completion_tokens": 4, "total_tokens": 8},
        ["response.usage.prompt_tokens converted"],
    ),
    ("a total alone", {"total_tokens": 9}, {"prompt_tokens": 0, "total_tokens": 9}, None),
    (
        "names of both",
        {
            "prompt_tokens": 3,
            "input_tokens": 30,
            "completion_tokens": 4,
            "output_tokens": 40,
            "total_tokens": 7,
            "x_a": 1,
            "num_cached_tokens": 0,
        },
        {"prompt_tokens": 3, "completion_tokens": 4, "input_tokens": 30, "x_a": 1},
        [],
    ),
]

USAGES = [
    whole(
        f"usage: {name}",
        ASK,
        answered(TEXT, usage=usage),
        completion={"usage": expected},
        report=report,
    )
    for name, usage, expected, report in _USAGES
]

IN_PLACE = whole(
    "events in its place, with a date",
    ASK,
    b'data: {"created":"2023-11-14T22:13:21Z","choices":[{"index":0,"delta":{"content":"a"},'
    b'"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n',
    report=["response converted", "response.created converted"],
    completion={**dict.fromkeys(("usage", "service_tier")), "created": 1700000001},
)

UNUSUAL = [*FAILURES, *HEADS, *MESSAGES, *CALLS, *USAGES, IN_PLACE]
