"""What is to be sent to Anthropic: bodies, headers and reports, as its author writes them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate.testing import CANARY, GoldenCall
from tests.testing.mutation.anthropic_exchanges import ASK, TOOLS, USER

__all__ = ["CALLS"]

URL = "https://api.anthropic.com/v1/messages"
NEWEST, SAMPLED = "2026-10-21", "2023-06-01"
SAID = [{"type": "text", "text": "Weather in Zürich?"}]
BODY = {
    "model": "claude-haiku-4-5",
    "max_tokens": 2000,
    "messages": [{"role": "user", "content": SAID}],
}
SENT_TOOLS = [
    {
        "name": tool["function"]["name"],
        "description": tool["function"]["description"],
        "input_schema": tool["function"]["parameters"],
    }
    for tool in TOOLS
]


def golden(
    name: str,
    options: dict[str, Any],
    report: Sequence[str] = (),
    /,
    version: str = NEWEST,
    **sent: Any,
) -> GoldenCall:
    """A call with these options, and what is sent beside the usual."""
    call = {key: value for key, value in {**ASK, **options}.items() if value is not ...}
    body = {key: value for key, value in {**BODY, **sent}.items() if value is not ...}
    headers = {
        "x-api-key": CANARY,
        "anthropic-version": version,
        "content-type": "application/json",
    }
    return GoldenCall(name, call, body, URL, headers, list(report))


def said(name: str, messages: list[Any], report: Sequence[str] = (), /, **sent: Any) -> GoldenCall:
    """A call with these messages."""
    return golden(name, {"messages": messages}, report, **sent)


def in_user(name: str, part: Any, sent: Any, report: Sequence[str] = ()) -> GoldenCall:
    """A call with this part in the user's message."""
    messages = [{"role": "user", "content": [part]}]
    return said(name, messages, report, messages=[{"role": "user", "content": [sent]}])


def chosen(name: str, choice: Any, sent: Any, **more: Any) -> GoldenCall:
    """A call with tools, of which this is the choice."""
    options = {"tools": TOOLS, "tool_choice": choice, **more}
    return golden(name, options, tools=SENT_TOOLS, tool_choice=sent)


def user(content: Any) -> dict[str, Any]:
    """A turn of the user."""
    return {"role": "user", "content": content}


def block(said: str) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said}


PARAMETERS = [
    golden("plain", {}),
    golden(
        "default limit",
        {"max_tokens": ..., "stream": True},
        ["max_tokens defaulted"],
        max_tokens=64_000,
        stream=True,
    ),
    golden("other limit", {"max_tokens": ..., "max_completion_tokens": 7}, max_tokens=7),
    golden("two limits", {"max_completion_tokens": 7}, ["max_tokens dropped"], max_tokens=7),
    golden(
        "too much",
        {"max_tokens": 70_000},
        ["max_tokens clamped", "stream injected"],
        max_tokens=64_000,
        stream=True,
    ),
    golden("long", {"max_tokens": 21_334}, ["stream injected"], max_tokens=21_334, stream=True),
    golden("not too long", {"max_tokens": 21_333}, max_tokens=21_333),
    golden(
        "foreign model",
        {"model": "mistral-large", "max_tokens": 9_000, "temperature": 0.5, "top_p": 0.5},
        version=SAMPLED,
        model="mistral-large",
        max_tokens=9_000,
        temperature=0.5,
        top_p=0.5,
    ),
    golden(
        "temperature",
        {"temperature": 1.5, "top_p": 0.5},
        ["temperature clamped", "top_p dropped"],
        version=SAMPLED,
        temperature=1,
    ),
    golden(
        "no sampling",
        {"model": "claude-opus-4-7", "temperature": 0.5, "top_p": 0.5},
        ["temperature dropped", "top_p dropped"],
        model="claude-opus-4-7",
    ),
    golden(
        "sampling while thinking",
        {"model": "claude-sonnet-4-6", "temperature": 0.5, "reasoning_effort": "high"},
        ["reasoning_effort converted", "temperature dropped"],
        model="claude-sonnet-4-6",
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
    ),
    golden("stop", {"stop": "a"}, stop_sequences=["a"]),
    golden("stops", {"stop": ["a", " ", "b"]}, ["stop[1] dropped"], stop_sequences=["a", "b"]),
    golden("user", {"user": "u-1"}, metadata={"user_id": "u-1"}),
    golden(
        "two users",
        {"user": "u-1", "safety_identifier": "s-1"},
        ["user dropped"],
        metadata={"user_id": "s-1"},
    ),
    golden("address", {"user": "a@b.invalid"}, ["user dropped"]),
    golden("telephone", {"user": "+41 44 000 00 00"}, ["user dropped"]),
    golden("tier", {"service_tier": "default"}, service_tier="standard_only"),
    golden("own tier", {"service_tier": "auto"}, service_tier="auto"),
    golden("no such tier", {"service_tier": "flex"}, ["service_tier dropped"]),
    golden("modalities", {"modalities": ["text"]}, ["modalities dropped"]),
    golden(
        "stream",
        {"stream": True, "stream_options": {"include_usage": True}},
        stream=True,
    ),
    golden(
        "options of a stream",
        {"stream": True, "stream_options": {"include_obfuscation": True}},
        ["stream_options.include_obfuscation dropped"],
        stream=True,
    ),
    golden(
        "extra body",
        {"user": "u-1", "extra_body": {"metadata": {"a": 1}, "top_k": 5}},
        version=SAMPLED,
        metadata={"user_id": "u-1", "a": 1},
        top_k=5,
    ),
]

BUDGET = {"type": "enabled", "budget_tokens": 1024}
FORMAT = {
    "type": "json_schema",
    "json_schema": {
        "name": "city",
        "schema": {
            "type": "object",
            "title": "A city",
            "properties": {
                "name": {"type": "string", "format": "date", "minLength": 3},
                "sizes": {"type": "array", "minItems": 1, "items": {"type": "number"}},
                "kind": {"oneOf": [{"type": "string"}, {"enum": [1]}]},
            },
            "required": ["name"],
        },
    },
}
STRICT = {
    "type": "object",
    "title": "A city",
    "properties": {
        "name": {"type": "string", "format": "date", "description": "{minLength: 3}"},
        "sizes": {"type": "array", "minItems": 1, "items": {"type": "number"}},
        "kind": {"anyOf": [{"type": "string"}, {"enum": [1]}]},
    },
    "required": ["name"],
    "additionalProperties": False,
}
OPEN = {
    "type": "json_schema",
    "json_schema": {
        "name": "a b",
        "description": "Maps.",
        "schema": {"additionalProperties": {"type": "string"}},
    },
}
JSON_ONLY = "Answer with one JSON object and nothing else: no words around it, no code fence."


def effort(model: str, given: str, **sent: Any) -> GoldenCall:
    """A call that asks for reasoning."""
    report = ["reasoning_effort converted"]
    options = {"model": model, "reasoning_effort": given}
    return golden(f"{model} {given}", options, report, model=model, **sent)


THINKING = [
    golden("odd effort", {"reasoning_effort": "strange"}, ["reasoning_effort dropped"]),
    *[
        golden(
            f"{name} while thinking",
            {"model": "claude-sonnet-4-6", name: value, "reasoning_effort": "high"},
            ["reasoning_effort converted"],
            version=SAMPLED,
            model="claude-sonnet-4-6",
            thinking={"type": "adaptive"},
            output_config={"effort": "high"},
            **{name: value},
        )
        for name, value in (("temperature", 1), ("top_p", 0.95))
    ],
    golden("top_p", {"top_p": 0.5}, version=SAMPLED, top_p=0.5),
    effort("claude-haiku-4-5", "high", thinking=BUDGET),
    effort("claude-haiku-4-5", "none", thinking={"type": "disabled"}),
    effort(
        "claude-opus-4-7", "xhigh", thinking={"type": "adaptive"}, output_config={"effort": "xhigh"}
    ),
    effort("claude-opus-4-5", "minimal", thinking=BUDGET),
    effort(
        "claude-sonnet-4-6",
        "xhigh",
        thinking={"type": "adaptive"},
        output_config={"effort": "high"},
    ),
    effort("claude-sonnet-5", "minimal", output_config={"effort": "low"}),
    effort("claude-opus-5-5", "none", output_config={"effort": "low"}),
    *[
        golden(
            f"budget {given}",
            {"reasoning_effort": given, "max_tokens": 60_000, "stream": True},
            ["reasoning_effort converted"],
            max_tokens=60_000,
            stream=True,
            thinking={"type": "enabled", "budget_tokens": budget},
        )
        for given, budget in (
            ("minimal", 1_024),
            ("low", 2_048),
            ("medium", 8_192),
            ("high", 16_384),
            ("xhigh", 30_000),
        )
    ],
    golden(
        "no room",
        {"reasoning_effort": "low", "max_tokens": 1024},
        ["reasoning_effort dropped"],
        max_tokens=1024,
    ),
    golden(
        "never thinks",
        {"model": "claude-3-haiku", "reasoning_effort": "low"},
        ["reasoning_effort dropped"],
        model="claude-3-haiku",
    ),
    golden(
        "forced",
        {"reasoning_effort": "low", "tools": TOOLS, "tool_choice": "required"},
        ["reasoning_effort dropped"],
        tools=SENT_TOOLS,
        tool_choice={"type": "any"},
    ),
]

FORMATS = [
    golden("text", {"response_format": {"type": "text"}}, ["response_format dropped"]),
    golden(
        "json",
        {"response_format": {"type": "json_object"}},
        ["response_format emulated"],
        system=[block(JSON_ONLY)],
    ),
    golden(
        "schema",
        {"response_format": FORMAT},
        ["response_format.json_schema.schema converted"],
        output_config={"format": {"type": "json_schema", "schema": STRICT}},
    ),
    golden(
        "schema and effort",
        {
            "model": "claude-sonnet-5",
            "response_format": {
                "type": "json_schema",
                "json_schema": {"name": "a", "schema": STRICT},
            },
            "reasoning_effort": "low",
        },
        ["reasoning_effort converted"],
        model="claude-sonnet-5",
        output_config={"format": {"type": "json_schema", "schema": STRICT}, "effort": "low"},
    ),
    golden(
        "open schema",
        {"response_format": OPEN},
        ["response_format emulated"],
        tools=[
            {
                "name": "a_b",
                "description": "Maps.",
                "input_schema": {"type": "object", "additionalProperties": {"type": "string"}},
            }
        ],
        tool_choice={"type": "tool", "name": "a_b", "disable_parallel_tool_use": True},
    ),
    *[
        golden(
            f"open schema within {place}",
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "a", "schema": it},
                }
            },
            ["response_format emulated"],
            tools=[{"name": "a", "input_schema": it}],
            tool_choice={"type": "tool", "name": "a", "disable_parallel_tool_use": True},
        )
        for place, it in {
            "a list": {
                "type": "object",
                "anyOf": [{"type": "object", "additionalProperties": True}],
            },
            "a property": {
                "type": "object",
                "properties": {"a": {"type": "object", "additionalProperties": {"type": "string"}}},
            },
        }.items()
    ],
]

SEARCHING = {
    "search_context_size": "low",
    "user_location": {"type": "approximate", "approximate": {"city": "Bern"}},
}
CHOICES = [
    chosen("auto", "auto", {"type": "auto"}),
    chosen("none", "none", {"type": "none"}),
    chosen("required", "required", {"type": "any"}),
    chosen(
        "named",
        {"type": "function", "function": {"name": "time"}},
        {"type": "tool", "name": "time"},
    ),
    chosen(
        "one at a time",
        "required",
        {"type": "any", "disable_parallel_tool_use": True},
        parallel_tool_calls=False,
    ),
    golden(
        "parallel",
        {"tools": TOOLS, "parallel_tool_calls": True},
        tools=SENT_TOOLS,
        tool_choice={"type": "auto", "disable_parallel_tool_use": False},
    ),
    golden(
        "none in parallel",
        {"tools": TOOLS, "tool_choice": "none", "parallel_tool_calls": True},
        ["parallel_tool_calls dropped"],
        tools=SENT_TOOLS,
        tool_choice={"type": "none"},
    ),
    golden(
        "no tools",
        {"tool_choice": "auto", "parallel_tool_calls": True},
        ["tool_choice dropped", "parallel_tool_calls dropped"],
    ),
    golden(
        "allowed",
        {
            "tools": TOOLS,
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "time"}}],
                },
            },
        },
        ["tool_choice converted"],
        tools=SENT_TOOLS[1:],
        tool_choice={"type": "any"},
    ),
    golden(
        "fields of a tool",
        {
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "a", "strict": True},
                    "cache_control": {"type": "ephemeral"},
                }
            ]
        },
        tools=[
            {
                "name": "a",
                "input_schema": {"type": "object", "properties": {}},
                "strict": True,
                "cache_control": {"type": "ephemeral"},
            }
        ],
    ),
    golden(
        "an untyped schema, strict",
        {
            "model": "claude-sonnet-4",
            "tools": [
                {
                    "type": "function",
                    "function": {"name": "a", "strict": True, "parameters": {"properties": None}},
                }
            ],
        },
        ["tools[0].function.parameters injected", "tools[0].function.strict dropped"],
        model="claude-sonnet-4",
        tools=[{"name": "a", "input_schema": {"type": "object", "properties": {}}}],
    ),
    golden(
        "web search",
        {"web_search_options": SEARCHING},
        ["web_search_options.search_context_size dropped", "web_search_options converted"],
        tools=[
            {
                "type": "web_search_20250305",
                "name": "web_search",
                "user_location": {"type": "approximate", "city": "Bern"},
            }
        ],
    ),
]

MARK = {"type": "ephemeral"}
BASE64 = {"type": "base64", "media_type": "image/png", "data": "aW1hZ2U="}
PARTS = [
    in_user(
        "image",
        {
            "type": "image_url",
            "image_url": {"url": "data:image/png;base64,aW1hZ2U=", "detail": "low"},
        },
        {"type": "image", "source": BASE64},
        ["messages[0].content[0].image_url.detail dropped"],
    ),
    in_user(
        "address of an image",
        {
            "type": "image_url",
            "image_url": {"url": "https://a.invalid/b.png"},
            "cache_control": MARK,
        },
        {
            "type": "image",
            "source": {"type": "url", "url": "https://a.invalid/b.png"},
            "cache_control": MARK,
        },
    ),
    in_user(
        "paper",
        {
            "type": "file",
            "file": {"file_data": "data:application/pdf;base64,JVBERi0=", "filename": "a.pdf"},
        },
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
            "title": "a.pdf",
        },
    ),
    in_user(
        "bare paper",
        {"type": "file", "file": {"file_data": "JVBERi0=", "x": 1}},
        {
            "type": "document",
            "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="},
        },
        ["messages[0].content[0].file.x dropped"],
    ),
    in_user(
        "text",
        {"type": "file", "file": {"file_data": "data:text/csv;base64,YSxi"}},
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a,b"}},
        ["messages[0].content[0].file.file_data converted"],
    ),
    in_user(
        "address of a paper",
        {"type": "file", "file": {"file_data": "https://a.invalid/b.pdf"}},
        {"type": "document", "source": {"type": "url", "url": "https://a.invalid/b.pdf"}},
    ),
    in_user(
        "kept file",
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
    ),
    in_user(
        "image in a file",
        {
            "type": "file",
            "file": {"file_data": "data:image/png;base64,aW1hZ2U=", "filename": "a.png"},
        },
        {"type": "image", "source": BASE64},
        ["messages[0].content[0].file.filename dropped"],
    ),
    in_user(
        "breakpoint",
        {"type": "text", "text": "Hi", "prompt_cache_breakpoint": {"mode": "explicit"}},
        {"type": "text", "text": "Hi", "cache_control": {"type": "ephemeral", "ttl": "1h"}},
        ["messages[0].content[0].prompt_cache_breakpoint converted"],
    ),
    in_user(
        "own block",
        {"type": "search_result", "source": "a", "title": "b", "content": []},
        {"type": "search_result", "source": "a", "title": "b", "content": []},
    ),
]

CALLED = [
    {
        "id": "toolu_a",
        "type": "function",
        "function": {"name": "weather", "arguments": '{"city": "A"}'},
    },
    {
        "id": "b.c",
        "type": "function",
        "function": {"name": "time", "arguments": ""},
        "cache_control": MARK,
    },
]
THOUGHT = {"type": "thinking", "thinking": "Clouds.", "signature": "c2lnbmVk"}
UNSIGNED = {"type": "thinking", "thinking": "Half"}


def kept(*blocks: Any) -> dict[str, Any]:
    """What an answer's message holds of its blocks."""
    return {"anthropic": {"content": list(blocks)}}


def earlier(
    name: str, message: dict[str, Any], sent: list[Any], report: Sequence[str] = ()
) -> GoldenCall:
    """A call with an earlier message of the assistant."""
    turns = [{"role": "user", "content": SAID}, {"role": "assistant", "content": sent}]
    messages = [*USER, {"role": "assistant", **message}, *USER]
    return said(name, messages, report, messages=[*turns, {"role": "user", "content": SAID}])


HISTORIES = [
    earlier("own parts", {"content": [THOUGHT, block("Rain.")]}, [THOUGHT, block("Rain.")]),
    said(
        "system",
        [
            {"role": "system", "content": "Brief.", "cache_control": MARK},
            {"role": "developer", "content": [block("Kind.")]},
            *USER,
        ],
        system=[{**block("Brief."), "cache_control": MARK}, block("Kind.")],
    ),
    said(
        "late system",
        [*USER, {"role": "system", "content": "Brief."}],
        ["messages[1] converted"],
        system=[block("Brief.")],
    ),
    golden(
        "inner system",
        {"model": "claude-opus-5", "messages": [*USER, {"role": "system", "content": "Brief."}]},
        model="claude-opus-5",
        messages=[
            {"role": "user", "content": SAID},
            {"role": "system", "content": [block("Brief.")]},
        ],
    ),
    said(
        "merged",
        [*USER, {"role": "user", "content": " ", "name": "a"}, {"role": "user", "content": "B"}],
        ["messages[1].name dropped", "messages[1].content dropped", "messages[2] merged"],
        messages=[{"role": "user", "content": [*SAID, block("B")]}],
    ),
    said(
        "prefill",
        [*USER, {"role": "assistant", "content": "It is "}],
        ["messages[1].content converted"],
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [block("It is")]},
        ],
    ),
    golden(
        "tools",
        {
            "messages": [
                *USER,
                {"role": "assistant", "content": "I look.", "tool_calls": CALLED},
                {"role": "user", "content": "Hm."},
                {"role": "tool", "tool_call_id": "toolu_a", "content": "Rain", "is_error": True},
                {
                    "role": "tool",
                    "tool_call_id": "b.c",
                    "content": [block("Noon")],
                    "cache_control": MARK,
                },
            ]
        },
        [
            "messages[1].tool_calls[1].id converted",
            "messages[3] merged",
            "messages[4].tool_call_id converted",
            "messages[4] merged",
        ],
        messages=[
            {"role": "user", "content": SAID},
            {
                "role": "assistant",
                "content": [
                    block("I look."),
                    {
                        "type": "tool_use",
                        "id": "toolu_a",
                        "name": "weather",
                        "input": {"city": "A"},
                    },
                    {
                        "type": "tool_use",
                        "id": "b_c",
                        "name": "time",
                        "input": {},
                        "cache_control": MARK,
                    },
                ],
            },
            {
                "role": "user",
                "content": [
                    {
                        "type": "tool_result",
                        "tool_use_id": "toolu_a",
                        "content": "Rain",
                        "is_error": True,
                    },
                    {
                        "type": "tool_result",
                        "tool_use_id": "b_c",
                        "content": [block("Noon")],
                        "cache_control": MARK,
                    },
                    block("Hm."),
                ],
            },
        ],
    ),
    earlier(
        "thoughts",
        {
            "content": "Rain.",
            "reasoning_content": "Clouds.",
            "provider_data": kept(THOUGHT, block("Rain.")),
        },
        [THOUGHT, block("Rain.")],
    ),
    earlier(
        "changed",
        {"content": "Sun.", "provider_data": kept(THOUGHT, block("Rain."))},
        [THOUGHT, block("Sun.")],
        ["messages[1].provider_data.anthropic.content converted"],
    ),
    earlier(
        "unsigned",
        {"content": "Rain.", "provider_data": kept(UNSIGNED, block(" "), block("Rain."))},
        [block("Rain.")],
        ["messages[1].provider_data.anthropic.content[0] dropped"],
    ),
    earlier(
        "of others",
        {
            "content": "Rain.",
            "reasoning_content": "Clouds.",
            "annotations": [{"type": "a"}],
            "provider_data": {"acme": {}},
        },
        [block("Rain.")],
        [
            "messages[1].provider_data.acme dropped",
            "messages[1].reasoning_content dropped",
            "messages[1].annotations dropped",
        ],
    ),
    earlier(
        "refusal",
        {"content": None, "refusal": "No."},
        [block("No.")],
        ["messages[1].refusal converted"],
    ),
    earlier(
        "refusal in parts",
        {"content": [{"type": "refusal", "refusal": "No."}]},
        [block("No.")],
        ["messages[1].content[0] converted"],
    ),
]

CALLS = (*PARAMETERS, *THINKING, *FORMATS, *CHOICES, *PARTS, *HISTORIES)
