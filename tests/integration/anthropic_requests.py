"""Calls, and what Anthropic's SDK is asked for to send the same; each row is one of both."""

from __future__ import annotations

from typing import Any

from tests.integration.anthropic_sdk_calls import (
    CALL,
    FORMAT,
    HELLO,
    MARK,
    OPUS,
    PDF,
    PNG,
    SCHEMA,
    TEXT,
    THEIR_CALL,
    THEIR_WEATHER,
    TOOLS,
    WEATHER,
    ours,
    result,
    theirs,
    user,
)

ROWS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "a greeting": (ours(), theirs()),
    "a stream": (ours(stream=True), theirs(stream=True)),
    "max_completion_tokens": (
        {"model": OPUS, "messages": HELLO, "max_completion_tokens": 7},
        theirs(model=OPUS, max_tokens=7),
    ),
    "temperature": (ours(temperature=0.5), theirs(temperature=0.5)),
    "top_p": (ours(top_p=0.9), theirs(top_p=0.9)),
    "both, before Claude 4.1": (
        ours(model="claude-3-opus-20240229", temperature=0.5, top_p=0.9),
        theirs(model="claude-3-opus-20240229", temperature=0.5, top_p=0.9),
    ),
    "one stop": (ours(stop="END"), theirs(stop_sequences=["END"])),
    "many stops": (ours(stop=["A", "B"]), theirs(stop_sequences=["A", "B"])),
    "user": (ours(user="u-1"), theirs(metadata={"user_id": "u-1"})),
    "safety_identifier": (ours(safety_identifier="u-2"), theirs(metadata={"user_id": "u-2"})),
    "any tier": (ours(service_tier="auto"), theirs(service_tier="auto")),
    "the default tier": (ours(service_tier="default"), theirs(service_tier="standard_only")),
    "top_k": (ours(extra_body={"top_k": 40}), theirs(top_k=40)),
    # --- messages
    "a system message": (
        ours([{"role": "system", "content": "Be brief."}, *HELLO]),
        theirs(system="Be brief."),
    ),
    "several system messages": (
        ours(
            [
                {"role": "system", "content": "Be brief."},
                {"role": "developer", "content": "Be kind."},
                *HELLO,
            ]
        ),
        theirs(
            system=[{"type": "text", "text": "Be brief."}, {"type": "text", "text": "Be kind."}]
        ),
    ),
    "a cached system message": (
        ours(
            [
                {
                    "role": "system",
                    "content": [{"type": "text", "text": "Long.", "cache_control": MARK}],
                },
                *HELLO,
            ]
        ),
        theirs(system=[{"type": "text", "text": "Long.", "cache_control": MARK}]),
    ),
    "a system message among others": (
        ours([*HELLO, {"role": "system", "content": "Now in French."}], model="claude-opus-5"),
        theirs([*HELLO, {"role": "system", "content": "Now in French."}], model="claude-opus-5"),
    ),
    "a conversation": (
        ours([*HELLO, {"role": "assistant", "content": "Hi."}, *HELLO]),
        theirs([*HELLO, {"role": "assistant", "content": "Hi."}, *HELLO]),
    ),
    "a beginning to be continued": (
        ours([*HELLO, {"role": "assistant", "content": "Hi"}]),
        theirs([*HELLO, {"role": "assistant", "content": "Hi"}]),
    ),
    "text in parts": (ours(user(TEXT, TEXT)), theirs(user(TEXT, TEXT))),
    "an image by address": (
        ours(user(TEXT, {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}})),
        theirs(
            user(
                TEXT, {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}
            )
        ),
    ),
    "an inline image": (
        ours(user({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}})),
        theirs(
            user(
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
                }
            )
        ),
    ),
    "a PDF": (
        ours(
            user(
                {
                    "type": "file",
                    "file": {
                        "file_data": f"data:application/pdf;base64,{PDF}",
                        "filename": "a.pdf",
                    },
                }
            )
        ),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                    "title": "a.pdf",
                }
            )
        ),
    ),
    "a bare PDF": (
        ours(user({"type": "file", "file": {"file_data": PDF}})),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": PDF},
                }
            )
        ),
    ),
    "a document by address": (
        ours(user({"type": "file", "file": {"file_data": "https://a.example/b.pdf"}})),
        theirs(
            user({"type": "document", "source": {"type": "url", "url": "https://a.example/b.pdf"}})
        ),
    ),
    "a text file": (
        ours(user({"type": "file", "file": {"file_data": "data:text/plain;base64,SGVsbG8="}})),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "Hello"},
                }
            )
        ),
    ),
    "an uploaded file": (
        ours(user({"type": "file", "file": {"file_id": "file_1"}})),
        theirs(user({"type": "document", "source": {"type": "file", "file_id": "file_1"}})),
    ),
    "a document of Anthropic's with citations": (
        ours(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "A."},
                    "citations": {"enabled": True},
                }
            )
        ),
        theirs(
            user(
                {
                    "type": "document",
                    "source": {"type": "text", "media_type": "text/plain", "data": "A."},
                    "citations": {"enabled": True},
                }
            )
        ),
    ),
    "a cached part": (
        ours(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
        theirs(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
    ),
    "a cached message": (
        ours([{"role": "user", "content": "Hello", "cache_control": MARK}]),
        theirs(user({"type": "text", "text": "Hello", "cache_control": MARK})),
    ),
    "a breakpoint in OpenAI's words": (
        ours(user({**TEXT, "prompt_cache_breakpoint": {"mode": "explicit"}})),
        theirs(user({**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}})),
    ),
    # --- tools
    "a tool": (ours(tools=TOOLS), theirs(tools=[THEIR_WEATHER])),
    "a tool without parameters": (
        ours(tools=[{"type": "function", "function": {"name": "now"}}]),
        theirs(tools=[{"name": "now", "input_schema": {"type": "object", "properties": {}}}]),
    ),
    "a strict tool": (
        ours(tools=[{"type": "function", "function": {**WEATHER, "strict": True}}]),
        theirs(tools=[{**THEIR_WEATHER, "strict": True}]),
    ),
    "a cached tool": (
        ours(tools=[{"type": "function", "function": WEATHER, "cache_control": MARK}]),
        theirs(tools=[{**THEIR_WEATHER, "cache_control": MARK}]),
    ),
    "auto": (
        ours(tools=TOOLS, tool_choice="auto"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "auto"}),
    ),
    "none": (
        ours(tools=TOOLS, tool_choice="none"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "none"}),
    ),
    "required": (
        ours(tools=TOOLS, tool_choice="required"),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "any"}),
    ),
    "one that is named": (
        ours(tools=TOOLS, tool_choice={"type": "function", "function": {"name": "weather"}}),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "tool", "name": "weather"}),
    ),
    "one at a time": (
        ours(tools=TOOLS, parallel_tool_calls=False),
        theirs(
            tools=[THEIR_WEATHER],
            tool_choice={"type": "auto", "disable_parallel_tool_use": True},
        ),
    ),
    "required, in parallel": (
        ours(tools=TOOLS, tool_choice="required", parallel_tool_calls=True),
        theirs(
            tools=[THEIR_WEATHER],
            tool_choice={"type": "any", "disable_parallel_tool_use": False},
        ),
    ),
    "some that are allowed": (
        ours(
            tools=[*TOOLS, {"type": "function", "function": {"name": "now"}}],
            tool_choice={
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "required",
                    "tools": [{"type": "function", "function": {"name": "weather"}}],
                },
            },
        ),
        theirs(tools=[THEIR_WEATHER], tool_choice={"type": "any"}),
    ),
    "a call and its result": (
        ours(
            [*HELLO, CALL, {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"}],
            tools=TOOLS,
        ),
        theirs([*HELLO, THEIR_CALL, result("Rain")], tools=[THEIR_WEATHER]),
    ),
    "a result with an image": (
        ours(
            [
                *HELLO,
                CALL,
                {
                    "role": "tool",
                    "tool_call_id": "toolu_1",
                    "content": [
                        TEXT,
                        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
                    ],
                },
            ],
            tools=TOOLS,
        ),
        theirs(
            [
                *HELLO,
                THEIR_CALL,
                result(
                    [
                        TEXT,
                        {
                            "type": "image",
                            "source": {"type": "url", "url": "https://a.example/b.png"},
                        },
                    ]
                ),
            ],
            tools=[THEIR_WEATHER],
        ),
    ),
    "a failure of a tool": (
        ours(
            [
                *HELLO,
                CALL,
                {"role": "tool", "tool_call_id": "toolu_1", "content": "No", "is_error": True},
            ],
            tools=TOOLS,
        ),
        theirs([*HELLO, THEIR_CALL, result("No", is_error=True)], tools=[THEIR_WEATHER]),
    ),
    "a result, then the user": (
        ours(
            [
                *HELLO,
                CALL,
                {"role": "tool", "tool_call_id": "toolu_1", "content": "Rain"},
                {"role": "user", "content": "So?"},
            ],
            tools=TOOLS,
        ),
        theirs(
            [
                *HELLO,
                THEIR_CALL,
                {
                    "role": "user",
                    "content": [*result("Rain")["content"], {"type": "text", "text": "So?"}],
                },
            ],
            tools=[THEIR_WEATHER],
        ),
    ),
    "a search of the web": (
        ours(
            web_search_options={
                "user_location": {"type": "approximate", "approximate": {"city": "Oslo"}}
            }
        ),
        theirs(
            tools=[
                {
                    "type": "web_search_20250305",
                    "name": "web_search",
                    "user_location": {"type": "approximate", "city": "Oslo"},
                }
            ]
        ),
    ),
    # --- formats and thinking
    "a schema": (
        ours(response_format=FORMAT),
        theirs(output_config={"format": {"type": "json_schema", "schema": SCHEMA}}),
    ),
    "a schema with an effort": (
        ours(model=OPUS, response_format=FORMAT, reasoning_effort="high"),
        theirs(
            model=OPUS,
            output_config={
                "format": {"type": "json_schema", "schema": SCHEMA},
                "effort": "high",
            },
        ),
    ),
    "an effort where thinking is off": (
        ours(model="claude-opus-4-8", reasoning_effort="xhigh"),
        theirs(
            model="claude-opus-4-8",
            thinking={"type": "adaptive"},
            output_config={"effort": "xhigh"},
        ),
    ),
    "a budget": (
        ours(reasoning_effort="medium", max_tokens=20_000),
        theirs(thinking={"type": "enabled", "budget_tokens": 8192}, max_tokens=20_000),
    ),
    "no thinking": (
        ours(model="claude-opus-5", reasoning_effort="none"),
        theirs(model="claude-opus-5", thinking={"type": "disabled"}),
    ),
    "as little as Sonnet 5.5 can": (
        ours(model="claude-sonnet-5-5", reasoning_effort="none"),
        theirs(model="claude-sonnet-5-5", thinking={"type": "between_tools"}),
    ),
    "thinking in Anthropic's words": (
        ours(
            model="claude-opus-4-7",
            extra_body={"thinking": {"type": "adaptive", "display": "summarized"}},
        ),
        theirs(model="claude-opus-4-7", thinking={"type": "adaptive", "display": "summarized"}),
    ),
    "the whole prompt cached": (
        ours(extra_body={"cache_control": MARK}),
        theirs(cache_control=MARK),
    ),
}
