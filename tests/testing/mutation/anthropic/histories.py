"""What is sent to Anthropic for earlier messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate.testing import GoldenCall
from tests.testing.mutation.anthropic.sent import MARK, SAID, block, golden, said, user
from tests.testing.mutation.anthropic.values import USER

__all__ = ["HISTORIES"]

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
REDACTED = {"type": "redacted_thinking", "data": "a"}
SEARCH: dict[str, Any] = {"type": "server_tool_use", "id": "a", "name": "web_search", "input": {}}
USED = {"type": "tool_use", "id": "toolu_a", "name": "weather", "input": {"city": "A"}}
RESULT: dict[str, Any] = {"type": "tool_result", "tool_use_id": "toolu_a", "content": "Rain"}
UNSIGNED = {"type": "thinking", "thinking": "Half"}


def kept(*blocks: Any) -> dict[str, Any]:
    """What an answer's message holds of its blocks."""
    return {"anthropic": {"content": list(blocks)}}


def earlier(
    name: str,
    message: dict[str, Any],
    sent: list[Any],
    report: Sequence[str] = (),
    result: dict[str, Any] | None = None,
) -> GoldenCall:
    """A call with an earlier message of the assistant."""
    if result is not None:
        told = {"role": "tool", "tool_call_id": result["tool_use_id"], "content": "Rain"}
        messages = [*USER, {"role": "assistant", **message}, told]
        turns = [{"role": "user", "content": SAID}, {"role": "assistant", "content": sent}]
        return said(
            name, messages, report, messages=[*turns, {"role": "user", "content": [result]}]
        )
    turns = [{"role": "user", "content": SAID}, {"role": "assistant", "content": sent}]
    messages = [*USER, {"role": "assistant", **message}, *USER]
    return said(name, messages, report, messages=[*turns, {"role": "user", "content": SAID}])


OTHERS: list[tuple[str, dict[str, Any], dict[str, Any]]] = [
    ("id", {**CALLED[0], "id": "toolu_b"}, {"id": "toolu_b"}),
    (
        "name",
        {**CALLED[0], "function": {"name": "time", "arguments": '{"city": "A"}'}},
        {"name": "time"},
    ),
    (
        "input",
        {**CALLED[0], "function": {"name": "weather", "arguments": "{}"}},
        {"input": {}},
    ),
]

HISTORIES = [
    earlier("own parts", {"content": [THOUGHT, block("Rain.")]}, [THOUGHT, block("Rain.")]),
    earlier(
        "a call of another type",
        {"content": None, "tool_calls": [{**CALLED[0], "type": "other"}]},
        [USED],
        ["messages[1].tool_calls[0].type converted"],
        RESULT,
    ),
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
        "blank system",
        [{"role": "system", "content": " "}, *USER],
        ["messages[0].content dropped"],
        messages=[user(SAID)],
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
        "the same calls, written as text",
        {
            "content": None,
            "tool_calls": [CALLED[0]],
            "provider_data": kept(THOUGHT, {**USED, "input": '{"city": "A"}'}),
        },
        [THOUGHT, USED],
        [],
        RESULT,
    ),
    earlier(
        "the same calls",
        {"content": None, "tool_calls": [CALLED[0]], "provider_data": kept(THOUGHT, USED)},
        [THOUGHT, USED],
        [],
        RESULT,
    ),
    earlier(
        "calls without an input",
        {
            "content": None,
            "tool_calls": [
                {**CALLED[0], "function": {"name": "weather", "arguments": "{}"}, "x_a": 1}
            ],
        },
        [{**USED, "input": {}, "x_a": 1}],
        [],
        RESULT,
    ),
    *[
        earlier(
            f"another {name}",
            {"content": None, "tool_calls": [call], "provider_data": kept(THOUGHT, USED)},
            [THOUGHT, {**USED, **sent}],
            ["messages[1].provider_data.anthropic.content converted"],
            {**RESULT, "tool_use_id": sent.get("id", "toolu_a")},
        )
        for name, call, sent in OTHERS
    ],
    earlier(
        "a call that was left out",
        {"content": "Rain.", "provider_data": kept(THOUGHT, block("Rain."), USED)},
        [THOUGHT, block("Rain.")],
        ["messages[1].provider_data.anthropic.content converted"],
    ),
    earlier(
        "a refusal of its own",
        {"content": None, "refusal": "No.", "provider_data": kept(THOUGHT, block("No."))},
        [THOUGHT, block("No.")],
        ["messages[1].refusal converted"],
    ),
    golden(
        "unsigned, of a model of others",
        {
            "model": "acme-1",
            "messages": [
                *USER,
                {
                    "role": "assistant",
                    "content": "Rain.",
                    "provider_data": kept(UNSIGNED, block("Rain.")),
                },
                *USER,
            ],
        },
        model="acme-1",
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [UNSIGNED, block("Rain.")]},
            {"role": "user", "content": SAID},
        ],
    ),
    golden(
        "a beginning after a thought",
        {
            "messages": [
                *USER,
                {
                    "role": "assistant",
                    "content": "It ",
                    "provider_data": kept(THOUGHT, REDACTED, block("It ")),
                },
            ]
        },
        ["messages[1].content converted"],
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [THOUGHT, REDACTED, block("It")]},
        ],
    ),
    golden(
        "a pause is no beginning",
        {
            "messages": [
                *USER,
                {
                    "role": "assistant",
                    "content": "It ",
                    "provider_data": kept(SEARCH, block("It ")),
                },
            ]
        },
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [SEARCH, block("It ")]},
        ],
    ),
    golden(
        "instructions before a question",
        {
            "model": "claude-opus-5",
            "messages": [*USER, {"role": "system", "content": "Brief."}, *USER],
        },
        ["messages[1] converted", "messages[2] merged"],
        model="claude-opus-5",
        system=[block("Brief.")],
        messages=[{"role": "user", "content": [*SAID, *SAID]}],
    ),
    golden(
        "several instructions before a response",
        {
            "model": "claude-opus-5",
            "messages": [
                *USER,
                {"role": "system", "content": "Brief."},
                {"role": "developer", "content": "Kind."},
                {"role": "system", "content": "Calm."},
                {"role": "assistant", "content": "Rain."},
                *USER,
            ],
        },
        ["messages[2] merged", "messages[3] merged"],
        model="claude-opus-5",
        messages=[
            {"role": "user", "content": SAID},
            {"role": "system", "content": [block("Brief."), block("Kind."), block("Calm.")]},
            {"role": "assistant", "content": [block("Rain.")]},
            {"role": "user", "content": SAID},
        ],
    ),
    golden(
        "an id of other characters, twice",
        {
            "messages": [
                *USER,
                {"role": "assistant", "tool_calls": [{**CALLED[0], "id": "a.b"}]},
                {"role": "tool", "tool_call_id": "a.b", "content": "1"},
                {"role": "assistant", "tool_calls": [{**CALLED[0], "id": "i" * 80}]},
                {"role": "tool", "tool_call_id": "i" * 80, "content": "2"},
            ]
        },
        ["messages[1].tool_calls[0].id converted", "messages[2].tool_call_id converted"],
        messages=[
            {"role": "user", "content": SAID},
            {"role": "assistant", "content": [{**USED, "id": "a_b"}]},
            {"role": "user", "content": [{**RESULT, "tool_use_id": "a_b", "content": "1"}]},
            {"role": "assistant", "content": [{**USED, "id": "i" * 80}]},
            {"role": "user", "content": [{**RESULT, "tool_use_id": "i" * 80, "content": "2"}]},
        ],
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
