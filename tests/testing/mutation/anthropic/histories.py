"""What is sent to Anthropic for earlier messages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from llmgate.testing import GoldenCall
from tests.testing.mutation.anthropic.sent import MARK, SAID, block, golden, said
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
