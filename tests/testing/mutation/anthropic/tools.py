"""What is sent to Anthropic for tools and the choice of them."""

from __future__ import annotations

from tests.testing.mutation.anthropic.sent import SENT_TOOLS, chosen, golden
from tests.testing.mutation.anthropic.values import TOOLS

__all__ = ["CHOICES"]

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
        "own tools",
        {"tools": [{"type": "bash_20250124"}, {"type": "text_20250728", "name": "edit"}]},
        tools=[
            {"name": "bash_20250124", "type": "bash_20250124"},
            {"type": "text_20250728", "name": "edit"},
        ],
    ),
    golden(
        "one allowed",
        {
            "tools": TOOLS,
            "tool_choice": {
                "type": "allowed_tools",
                "allowed_tools": {
                    "mode": "auto",
                    "tools": [{"type": "function", "function": {"name": "time"}}],
                },
            },
        },
        ["tool_choice converted"],
        tools=SENT_TOOLS[1:],
        tool_choice={"type": "auto"},
    ),
    golden(
        "without a description",
        {"tools": [{"type": "function", "function": {"name": "a"}}]},
        tools=[{"name": "a", "input_schema": {"type": "object", "properties": {}}}],
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
