"""Exchanges with OpenAI and its imitators, and what is to be sent, as an author writes them.

They were made up after the public reference: https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from typing import Any

from llmgate import errors
from llmgate.provider.http import encode_json
from llmgate.testing import CANARY, GoldenCall, RecordedExchange
from tests.testing.mutation.writing import event_stream, refused, tool, whole

__all__ = ["CALLS", "EXCHANGES"]

USER = [{"role": "user", "content": "Weather in Zürich?"}]
TOOLS = [tool("weather", city={"type": "string"}), tool("time")]
ASK: dict[str, Any] = {"model": "gpt-4o", "messages": USER}
WITH_TOOLS = {**ASK, "tools": TOOLS}
HEAD = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1700000001,
    "model": "gpt-4o-2024",
    "system_fingerprint": "fp_1",
    "service_tier": "default",
}
USAGE = {
    "prompt_tokens": 11,
    "completion_tokens": 7,
    "total_tokens": 18,
    "prompt_tokens_details": {"cached_tokens": 3, "audio_tokens": 1},
    "completion_tokens_details": {"reasoning_tokens": 2, "accepted_prediction_tokens": 1},
}
PLAIN = {"id": "chatcmpl-2", "object": "chat.completion", "created": 1, "model": "gpt-4o"}
COUNTS = {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}
SCALARS = {name: HEAD[name] for name in ("id", "created", "model", "system_fingerprint")}


def choice(reason: str | None, index: int | None = 0, **message: Any) -> dict[str, Any]:
    """A choice with this message."""
    return {"index": index, "message": {"role": "assistant", **message}, "finish_reason": reason}


def answered(*choices: Any, usage: Any = USAGE, **fields: Any) -> dict[str, Any]:
    """A chat completion."""
    return {**HEAD, "choices": list(choices), "usage": usage, **fields}


def called(identifier: str | None, name: str, arguments: Any, **fields: Any) -> dict[str, Any]:
    """A call."""
    function = {"name": name, "arguments": arguments}
    call = {"id": identifier, "type": "function", "function": function, **fields}
    return {key: value for key, value in call.items() if value is not None}


def native(*reasons: tuple[str, str | None]) -> list[dict[str, Any]]:
    """Choices that ended so, in OpenAI's word and the host's."""
    return [
        {"index": i, "finish_reason": r, "native_finish_reason": n}
        for i, (r, n) in enumerate(reasons)
    ]


LOGPROBS: dict[str, Any] = {
    "content": [{"token": "Rain", "logprob": -0.5, "bytes": None, "top_logprobs": []}]
}
CITED = [{"type": "url_citation", "url_citation": {"url": "https://a.invalid", "title": "A"}}]
TWO = [called("call_a", "weather", '{"city": "Zürich"}'), called("call_b", "time", "{}")]

WHOLE: list[RecordedExchange] = [
    whole(
        "text",
        ASK,
        answered(choice("stop", content="Rain.", refusal=None, annotations=CITED), x_new={"a": 1}),
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            **SCALARS,
            "object": "chat.completion",
            "service_tier": "default",
            "choices": [{**native(("stop", "stop"))[0], "message": {"annotations": CITED}}],
            "x_new": {"a": 1},
        },
    ),
    *[
        whole(
            f"plain {reason}",
            ASK,
            {**PLAIN, "choices": [choice(reason, content="Rain.")], "usage": COUNTS},
            text="Rain.",
            finish_reason=reason,
            completion={**PLAIN, "choices": native((reason, reason)), "usage": COUNTS},
        )
        for reason in ("stop", "length", "content_filter")
    ],
    whole(
        "tools",
        WITH_TOOLS,
        answered(choice("tool_calls", content=None, tool_calls=TWO)),
        tool_calls=[("weather", {"city": "Zürich"}), ("time", {})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "message": {
                        "tool_calls": [{"id": "call_a", "type": "function"}, {"id": "call_b"}]
                    }
                }
            ]
        },
    ),
    whole(
        "forced",
        WITH_TOOLS,
        answered(choice("stop", content=None, tool_calls=[called(None, "weather", {"city": "A"})])),
        tool_calls=[("weather", {"city": "A"})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "native_finish_reason": "stop",
                    "message": {"tool_calls": [{"id": "call_call_0_0", "type": "function"}]},
                }
            ]
        },
    ),
    whole(
        "without arguments",
        WITH_TOOLS,
        answered(choice("tool_calls", content=None, tool_calls=[called("c", "time", None)])),
        tool_calls=[("time", {})],
    ),
    whole(
        "custom",
        ASK,
        answered(
            choice(
                "tool_calls",
                content=None,
                tool_calls=[{"id": "c", "custom": {"name": "run", "input": "ls"}}],
            )
        ),
        tool_calls=[("run", "ls")],
        completion={"choices": [{"message": {"tool_calls": [{"type": "custom", "id": "c"}]}}]},
    ),
    whole(
        "function",
        ASK,
        answered(choice("stop", content=None, function_call={"name": "time", "arguments": ""})),
        finish_reason="function_call",
        completion={
            "choices": [{"message": {"function_call": {"name": "time", "arguments": "{}"}}}]
        },
    ),
    whole(
        "several",
        {**ASK, "n": 2, "logprobs": True},
        answered(
            {**choice("stop", content="One."), "logprobs": LOGPROBS},
            choice("length", None, content="Two."),
            usage=COUNTS,
            service_tier=None,
        ),
        text="One.",
        completion={
            "choices": [
                {"index": 0, "logprobs": LOGPROBS, "message": {"content": "One."}},
                {"index": 1, "finish_reason": "length", "message": {"content": "Two."}},
            ],
            "usage": COUNTS,
        },
    ),
    whole(
        "reasoning",
        ASK,
        answered(choice("eos", content="Rain.", reasoning="Clouds.")),
        text="Rain.",
        reasoning="Clouds.",
        finish_reason="stop",
        completion={"choices": native(("stop", "eos"))},
    ),
    whole(
        "parts",
        ASK,
        answered(
            choice(
                "model_length",
                content=[
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Clouds."}]},
                    {"type": "text", "text": "Ra"},
                    {"type": "reference", "reference_ids": [1]},
                    "in.",
                ],
            ),
            usage={"prompt_tokens": 3, "completion_tokens": 4, "prompt_cache_hit_tokens": 2},
        ),
        text="Rain.",
        reasoning="Clouds.",
        finish_reason="length",
        completion={
            "usage": {
                "prompt_tokens": 3,
                "total_tokens": 7,
                "prompt_tokens_details": {"cached_tokens": 2},
            }
        },
    ),
    whole(
        "refusal",
        ASK,
        answered(
            choice("end_turn", content=None, refusal="No."),
            usage=None,
            created=1700000001.7,
            x_groq={"usage": COUNTS},
        ),
        finish_reason="stop",
        usage=COUNTS,
        completion={"created": 1700000001, "choices": [{"message": {"refusal": "No."}}]},
    ),
    whole(
        "filtered",
        ASK,
        answered({"index": 0, "finish_reason": "content_filter"}, usage={}),
        finish_reason="content_filter",
        completion={"usage": None, "choices": native(("content_filter", "content_filter"))},
    ),
    whole(
        "another reason",
        ASK,
        answered({**choice("max_tokens", content="R"), "native_finish_reason": "MAX"}),
        finish_reason="length",
        completion={"choices": native(("length", "MAX"))},
    ),
    whole("unknown reason", ASK, answered(choice("tired", content="R")), finish_reason="other"),
    whole(
        "half a character",
        ASK,
        b'{"id":"c","choices":[{"index":0,"finish_reason":"stop","message":'
        b'{"role":"assistant","content":"a\\ud83d b\\ud83d\\ude00"}}]}',
        text="a\ufffd b\U0001f600",
    ),
    whole(
        "error in 200",
        ASK,
        {"error": {"message": "Slow down.", "code": "rate_limit_exceeded", "type": "tokens"}},
        error=errors.RateLimitError,
        code="rate_limit_exceeded",
    ),
    whole(
        "error in a choice",
        ASK,
        answered({"index": 0, "error": {"message": "Gone.", "code": 502}}),
        error=errors.ServerError,
    ),
    *[
        whole(
            f"{code} in 200", ASK, {"error": {"message": "x", "code": code}}, error=kind, code=code
        )
        for code, kind in [
            ("authentication_error", errors.AuthenticationError),
            ("invalid_api_key", errors.AuthenticationError),
            ("insufficient_quota", errors.QuotaExceededError),
            ("invalid_request_error", errors.BadRequestError),
            ("model_not_found", errors.NotFoundError),
            ("not_found_error", errors.NotFoundError),
            ("permission_error", errors.PermissionDeniedError),
            ("rate_limit_error", errors.RateLimitError),
            ("requests", errors.RateLimitError),
            ("tokens", errors.RateLimitError),
            ("engine_overloaded", errors.OverloadedError),
            ("overloaded_error", errors.OverloadedError),
            ("server_is_overloaded", errors.OverloadedError),
            ("slow_down", errors.OverloadedError),
            ("unavailable_error", errors.OverloadedError),
            ("server_error", errors.ServerError),
            ("internal_error", errors.ServerError),
        ]
    ],
    whole(
        "reasoning alone",
        ASK,
        answered(choice("length", content=None, reasoning="Clouds.")),
        reasoning="Clouds.",
    ),
    whole(
        "a thought of one part",
        ASK,
        answered(
            choice(
                "stop",
                content=[
                    {"type": "thinking", "thinking": "Clouds."},
                    {"type": "text", "text": "R"},
                ],
            )
        ),
        text="R",
        reasoning="Clouds.",
    ),
    whole(
        "parts that are no text",
        ASK,
        answered(choice("stop", content=[{"type": "odd", "text": "no"}, {"text": "Rain."}])),
        text="Rain.",
    ),
    whole(
        "function with an object",
        ASK,
        answered(choice("stop", content=None, function_call={"name": "f", "arguments": {"a": 1}})),
        completion={
            "choices": [{"message": {"function_call": {"name": "f", "arguments": '{"a":1}'}}}]
        },
    ),
    *[
        whole(
            f"usage of {name}",
            ASK,
            answered(choice("stop", content="Rain."), usage=usage),
            usage=expected,
            report=report,
        )
        for name, usage, expected, report in [
            (
                "reasoning beside",
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 9,
                    "completion_tokens_details": {"reasoning_tokens": 2, "x_new": 5},
                },
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 6,
                    "total_tokens": 9,
                    "completion_tokens_details": {"reasoning_tokens": 2, "x_new": 5},
                },
                ["response.usage.completion_tokens converted"],
            ),
            (
                "audio beside",
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 9,
                    "prompt_audio_tokens": 2,
                },
                {"prompt_tokens": 5, "completion_tokens": 4, "total_tokens": 9},
                ["response.usage.prompt_tokens converted"],
            ),
            (
                "other names",
                {
                    "input_tokens": 3,
                    "output_tokens": 4,
                    "reasoning_tokens": 2,
                    "num_cached_tokens": 1,
                    "audio_completion_tokens": 1,
                },
                {
                    "prompt_tokens": 3,
                    "completion_tokens": 4,
                    "total_tokens": 7,
                    "prompt_tokens_details": {"cached_tokens": 1},
                    "completion_tokens_details": {"reasoning_tokens": 2, "audio_tokens": 1},
                },
                None,
            ),
            (
                "no prompt",
                {"completion_tokens": 4},
                {"prompt_tokens": 0, "completion_tokens": 4, "total_tokens": 4},
                None,
            ),
            (
                "a total",
                {"prompt_tokens": 3, "total_tokens": 9},
                {"prompt_tokens": 3, "completion_tokens": 6, "total_tokens": 9},
                None,
            ),
            (
                "nothing generated",
                {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
                {"prompt_tokens": 3, "completion_tokens": 0, "total_tokens": 3},
                [],
            ),
        ]
    ],
    whole(
        "a date",
        ASK,
        answered(choice("stop", content="Rain."), created="2023-11-14T22:13:21Z", x_a=1),
        completion={**SCALARS, "service_tier": "default"},
        report=["response.created converted"],
    ),
    whole(
        "a number as text",
        ASK,
        answered(choice("stop", content="Rain."), created="1700000001", x_a=1),
        completion={"created": 1700000001},
    ),
    whole(
        "events in its place",
        ASK,
        b'data: {"choices":[{"index":0,"delta":{"content":"Rain."},"finish_reason":"stop"}]}\n\n'
        b"data: [DONE]\n\n",
        text="Rain.",
        report=["response converted"],
    ),
    whole(
        "a terminator behind it",
        ASK,
        encode_json(answered(choice("stop", content="Rain."))) + b"\n\ndata: [DONE]\n\n",
        text="Rain.",
        report=["response converted"],
    ),
    whole("no choices", ASK, {**HEAD, "choices": []}, error=errors.DecodeError),
    whole("no answer", ASK, answered({"index": 0, "message": {}}), error=errors.DecodeError),
]

# --- streams ------------------------------------------------------------------------------

CHUNK = {**HEAD, "object": "chat.completion.chunk"}
DONE = b"data: [DONE]\n\n"


def chunk(reason: str | None = None, index: int = 0, /, **delta: Any) -> dict[str, Any]:
    """An event with one choice."""
    return {**CHUNK, "choices": [{"index": index, "delta": delta, "finish_reason": reason}]}


def fragment(index: int | None, arguments: Any, name: str | None = None, **fields: Any) -> Any:
    """A piece of a call."""
    function = {"arguments": arguments} if name is None else {"name": name, "arguments": arguments}
    found = {"index": index, **fields, "function": function}
    return {key: value for key, value in found.items() if value is not None}


def calls(*fragments: Any) -> dict[str, Any]:
    """An event with pieces of calls."""
    return chunk(tool_calls=list(fragments))


COUNTED: dict[str, Any] = {**CHUNK, "choices": [], "usage": USAGE}
STREAMS: list[RecordedExchange] = [
    event_stream(
        "text",
        ASK,
        chunk(role="assistant", content="", refusal=None),
        chunk(content="Ra"),
        chunk(content="i"),
        chunk(content="n"),
        chunk(content="."),
        {**chunk("stop"), "obfuscation": "xyz", "x_new": {"a": 1}},
        COUNTED,
        done=DONE,
        text="Rain.",
        finish_reason="stop",
        usage=USAGE,
        completion={
            **SCALARS,
            "object": "chat.completion",
            "service_tier": "default",
            "choices": native(("stop", "stop")),
            "x_new": {"a": 1},
        },
    ),
    event_stream(
        "tools",
        WITH_TOOLS,
        chunk(role="assistant", content=None),
        calls(fragment(0, "", "weather", id="call_a", type="function")),
        calls(fragment(0, '{"city":')),
        calls(fragment(0, ' "Zürich"}')),
        calls(fragment(1, "{}", "time", id="call_b", type="function")),
        chunk("tool_calls"),
        COUNTED,
        done=DONE,
        tool_calls=[("weather", {"city": "Zürich"}), ("time", {})],
        finish_reason="tool_calls",
        completion={
            "choices": [
                {
                    "message": {
                        "tool_calls": [{"id": "call_a", "type": "function"}, {"id": "call_b"}]
                    }
                }
            ]
        },
    ),
    event_stream(
        "without index",
        WITH_TOOLS,
        calls(fragment(None, '{"city":', "weather", id="a"), fragment(None, "{", "time", id="b")),
        calls(fragment(None, ' "A"}'), fragment(None, "}")),
        chunk("stop"),
        done=DONE,
        tool_calls=[("weather", {"city": "A"}), ("time", {})],
        finish_reason="tool_calls",
    ),
    event_stream(
        "without ids",
        WITH_TOOLS,
        calls(fragment(0, {"city": "A"}, "weather")),
        calls(fragment(0, "{}", "time")),
        chunk("stop"),
        tool_calls=[("weather", {"city": "A"}), ("time", {})],
        completion={
            "choices": [
                {"message": {"tool_calls": [{"id": "call_call_0_0"}, {"id": "call_call_0_1"}]}}
            ]
        },
    ),
    event_stream(
        "several",
        {**ASK, "n": 2},
        b": a comment\n\n",
        chunk(None, 0, content="One."),
        chunk(None, 1, content="Two."),
        chunk("stop", 0),
        chunk("length", 1),
        text="One.",
        completion={
            "choices": [
                {"index": 0, "finish_reason": "stop"},
                {"index": 1, "finish_reason": "length", "message": {"content": "Two."}},
            ]
        },
    ),
    event_stream(
        "reasoning",
        ASK,
        chunk(reasoning_content="Clo"),
        chunk(reasoning="uds."),
        chunk(content=[{"type": "text", "text": "Rain."}]),
        {**chunk("stop"), "usage": None, "x_groq": {"usage": COUNTS}},
        text="Rain.",
        reasoning="Clouds.",
        usage=COUNTS,
    ),
    event_stream(
        "custom",
        ASK,
        calls({"index": 0, "id": "c", "custom": {"name": "run", "input": "l"}}),
        calls({"index": 0, "custom": {"input": "s"}}),
        chunk("tool_calls"),
        tool_calls=[("run", "ls")],
        completion={"choices": [{"message": {"tool_calls": [{"type": "custom"}]}}]},
    ),
    event_stream(
        "function",
        ASK,
        chunk(role="assistant", function_call={"name": "time", "arguments": ""}),
        chunk(function_call={"arguments": "{}"}),
        chunk("stop"),
        finish_reason="function_call",
        completion={"choices": [{"message": {"function_call": {"name": "time"}}}]},
    ),
    event_stream(
        "late name and id",
        WITH_TOOLS,
        calls(fragment(0, "", id="a")),
        calls(fragment(0, "{}", "time", id="a")),
        calls(fragment(0, "{}", "weather", id="b")),
        calls(fragment(1, '{"city": "A"}', "weather", id="c")),
        calls(fragment(0, "", id="b")),
        chunk("tool_calls"),
        tool_calls=[("time", {}), ("weather", {}), ("weather", {"city": "A"})],
    ),
    event_stream(
        "names alone",
        WITH_TOOLS,
        calls(fragment(None, '{"city":', "weather"), fragment(None, "{", "time")),
        calls(fragment(None, ' "A"}'), fragment(None, "}")),
        calls(fragment(None, "{}", "time")),
        calls(fragment(None, '{"a":', "time")),
        calls(fragment(None, " 1}")),
        chunk("tool_calls"),
        tool_calls=[("weather", {"city": "A"}), ("time", {}), ("time", {}), ("time", {"a": 1})],
    ),
    event_stream(
        "one of two",
        {**ASK, "n": 2},
        chunk(None, 0, content="One."),
        chunk("stop", 0),
        error=errors.StreamTruncatedError,
    ),
    event_stream(
        "another second",
        ASK,
        {**chunk(content="Ra"), "created": 1700000001.5},
        {**chunk(content="in."), "created": 1700000001.5},
        {**chunk("stop"), "created": 1700000001.5},
        b"data: \n\n",
        text="Rain.",
        completion={"created": 1700000001},
    ),
    event_stream(
        "message so far",
        ASK,
        {**CHUNK, "choices": [{**choice(None, content="Ra"), "delta": {"content": "Ra"}}]},
        {**CHUNK, "choices": [{**choice("stop", content="Rain."), "delta": {"content": "in."}}]},
        text="Rain.",
        finish_reason="stop",
    ),
    event_stream(
        "surrogates of a character",
        ASK,
        b'data: {"choices":[{"index":0,"delta":{"content":"a\\ud83d"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ude00b"}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":"\\ud83d"},"finish_reason":"stop"}]}\n\n',
        done=DONE,
        text="a\U0001f600b\ufffd",
    ),
    *[
        event_stream(f"error {code}", ASK, chunk(content="Ra"), event, error=kind, code=code)
        for kind, code, event in [
            (
                errors.ServerError,
                "server_error",
                {"error": {"message": "x", "code": "server_error"}},
            ),
            (
                errors.RateLimitError,
                "tokens",
                b'event: error\ndata: {"type": "tokens", "message": "x"}\n\n',
            ),
            (errors.ProviderError, None, b"data: upstream failed\n\n"),
            (errors.OverloadedError, None, {"message": "busy", "status": 503}),
            (errors.LLMGateError, None, {"error": "boom"}),
            (errors.DecodeError, None, b"data: [1]\n\n"),
        ]
    ],
]

# --- errors -------------------------------------------------------------------------------


def failed(
    status: int, kind: type[errors.LLMGateError], code: Any, told: str | None = None, **more: Any
) -> RecordedExchange:
    """A refusal with OpenAI's error object."""
    fields = {"message": "It is so.", "type": told, "param": None, "code": code}
    said = {"code": code or told, "message": "It is so.", **more}
    return refused(ASK, status, {"error": fields}, kind, **said)


SPENT = (
    "billing_not_active",
    "credit_balance_exhausted",
    "organization_spend_limit_exceeded",
    "organization_usage_limit_exceeded",
    "project_spend_limit_exceeded",
)
ERRORS = [
    failed(401, errors.AuthenticationError, "invalid_api_key", retryable=False),
    failed(429, errors.RateLimitError, "rate_limit_exceeded", "tokens"),
    failed(429, errors.QuotaExceededError, "insufficient_quota", retryable=False),
    failed(429, errors.QuotaExceededError, "billing_hard_limit_reached"),
    failed(429, errors.RateLimitError, "slow", "insufficient_quota"),
    failed(400, errors.ContextWindowError, "context_length_exceeded"),
    failed(400, errors.ContextWindowError, None, "exceed_context_size_error"),
    failed(400, errors.ContentFilterError, "content_policy_violation"),
    failed(400, errors.ContentFilterError, "content_filter"),
    failed(400, errors.BadRequestError, None, "invalid_request_error"),
    failed(402, errors.QuotaExceededError, None, "payment"),
    *[failed(429, errors.QuotaExceededError, code) for code in SPENT],
    failed(400, errors.ContentFilterError, "moderation_blocked"),
    failed(404, errors.NotFoundError, "model_not_found"),
    failed(409, errors.ProviderError, "conflict", retryable=True),
    failed(500, errors.ServerError, "server_error"),
    failed(503, errors.OverloadedError, "overloaded_error"),
    refused(
        ASK,
        403,
        {"error": {"message": "no", "metadata": {"reasons": ["violence"]}}},
        errors.ContentFilterError,
    ),
    refused(
        ASK,
        400,
        {"detail": "no", "code": "content_filter"},
        errors.ContentFilterError,
        code="content_filter",
        message="no",
    ),
    *[
        refused(ASK, 422, payload, errors.BadRequestError, message="No.", code=code)
        for code, payload in [
            ("odd", {"code": "odd", "error": "No."}),
            ("odd", {"code": "odd", "message": "No."}),
            ("odd", {"code": "odd", "msg": "No."}),
            ("odd", [{"error": {"code": "odd", "message": "No."}}]),
            ("odd", {"errors": [{"code": "odd", "message": "No."}]}),
            (None, {"detail": [{"loc": ["body", "x"], "msg": "No."}]}),
            (None, "No."),
            ("1004", {"base_resp": {"status_code": 1004, "status_msg": "No."}}),
        ]
    ],
    refused(ASK, 402, [], errors.QuotaExceededError),
    refused(ASK, 408, [], errors.ProviderError, retryable=True),
]

EXCHANGES = (*WHOLE, *STREAMS, *ERRORS)

# --- what is sent -------------------------------------------------------------------------

URL = "https://api.openai.com/v1/chat/completions"
HEADERS = {"authorization": f"Bearer {CANARY}", "content-type": "application/json"}


def golden(
    name: str, call: dict[str, Any], report: list[str] | None = None, **body: Any
) -> GoldenCall:
    """A call that is sent as it is, but for this."""
    sent = {key: value for key, value in {**call, **body}.items() if value is not ...}
    return GoldenCall(name, call, sent, URL, HEADERS, report or [])


REASONING = {**ASK, "model": "o3"}
SAMPLING = {
    "temperature": 0.5,
    "top_p": 0.5,
    "frequency_penalty": 0.5,
    "presence_penalty": 0.5,
    "logit_bias": {"1": 1},
    "logprobs": True,
    "top_logprobs": 2,
}
INJECTED = "stream_options.include_usage injected"


def earlier(name: str, report: list[str], sent: dict[str, Any], **fields: Any) -> GoldenCall:
    """A call with an earlier message of the assistant."""
    message = {"role": "assistant", "content": "Rain.", **fields}
    message = {key: value for key, value in message.items() if value is not ...}
    call = {"model": "gpt-4o", "messages": [*USER, message, *USER]}
    kept = {key: value for key, value in {**message, **sent}.items() if value is not ...}
    return golden(name, call, report, messages=[*USER, kept, *USER])


CALLS = (
    golden("plain", ASK),
    golden("functions", {**ASK, "functions": [{"name": "f"}], "function_call": "auto"}),
    golden(
        "functions in a stream",
        {**WITH_TOOLS, "stream": True},
        [INJECTED],
        stream_options={"include_usage": True},
    ),
    earlier("a refusal", [], {"content": None}, content=..., refusal="No."),
    earlier("nothing", ["messages[1].content converted"], {"content": ""}, content=None),
    golden("sampling", {**ASK, **SAMPLING, "max_tokens": 5}),
    golden("stream", {**ASK, "stream": True}, [INJECTED], stream_options={"include_usage": True}),
    golden(
        "stream with options",
        {**ASK, "stream": True, "stream_options": {"include_obfuscation": False}},
        [INJECTED, "stream_options.include_obfuscation dropped"],
        stream_options={"include_usage": True},
    ),
    golden("extra", {**ASK, "extra_body": {"top_k": 3}}, extra_body=..., top_k=3),
    golden(
        "limit while reasoning",
        {**REASONING, "max_tokens": 5},
        ["max_tokens renamed"],
        max_tokens=...,
        max_completion_tokens=5,
    ),
    golden("two limits", {**REASONING, "max_tokens": 5, "max_completion_tokens": 6}),
    golden(
        "sampling while reasoning",
        {**REASONING, **SAMPLING},
        [f"{name} dropped" for name in SAMPLING],
        **dict.fromkeys(SAMPLING, ...),
    ),
    golden(
        "allowed while reasoning",
        {**REASONING, "temperature": 1, "top_p": 1, "frequency_penalty": 0, "presence_penalty": 0},
    ),
    golden("no reasoning", {**REASONING, "model": "gpt-5", "reasoning_effort": "none", **SAMPLING}),
    golden("not asked to reason", {**ASK, "model": "gpt-5.1", **SAMPLING}),
    earlier(
        "own data",
        ["messages[1].provider_data.acme dropped"],
        {"provider_data": ..., "x_kept": 1},
        provider_data={"openai": {"x_kept": 1}, "acme": {"a": 1}},
    ),
    earlier(
        "reasoning",
        ["messages[1].reasoning_content dropped", "messages[1].reasoning dropped"],
        {"reasoning_content": ..., "reasoning": ...},
        reasoning_content="Clouds.",
        reasoning="Clouds.",
    ),
    earlier(
        "parts",
        ["messages[1].content_parts dropped", "messages[1].reasoning_details dropped"],
        {"content_parts": ..., "reasoning_details": ...},
        content_parts=[{"type": "text", "text": "Rain."}],
        reasoning_details=[{"type": "a"}],
    ),
    earlier(
        "audio",
        ["messages[1].audio converted"],
        {"audio": {"id": "audio_1"}},
        audio={"id": "audio_1", "data": "UklG", "transcript": "Rain."},
    ),
)
