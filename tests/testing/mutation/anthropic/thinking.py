"""What is sent to Anthropic for reasoning."""

from __future__ import annotations

from typing import Any

from llmgate.testing import GoldenCall
from tests.testing.mutation.anthropic.sent import SAID, SAMPLED, SENT_TOOLS, block, golden
from tests.testing.mutation.anthropic.values import TOOLS, USER

__all__ = ["THINKING"]

THOUGHT = {"type": "thinking", "thinking": "Clouds.", "signature": "c2lnbmVk"}
USED: dict[str, Any] = {"type": "tool_use", "id": "a", "name": "time", "input": {}}
CALL = {"id": "a", "type": "function", "function": {"name": "time", "arguments": "{}"}}
CALLED: dict[str, Any] = {"role": "assistant", "tool_calls": [CALL]}
THOUGHTFUL: dict[str, Any] = {
    **CALLED,
    "provider_data": {"anthropic": {"content": [THOUGHT, USED]}},
}
RESULT = {"role": "tool", "tool_call_id": "a", "content": "Noon"}
SENT_CALL: dict[str, Any] = {"role": "assistant", "content": [USED]}
SENT_THOUGHTFUL: dict[str, Any] = {"role": "assistant", "content": [THOUGHT, USED]}
SENT_RESULT = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": "a", "content": "Noon"}],
}
BUDGET = {"type": "enabled", "budget_tokens": 1024}


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
    *[
        golden(
            f"a budget of {given}, not of half",
            {"reasoning_effort": given, "max_tokens": 64_000, "stream": True},
            ["reasoning_effort converted"],
            max_tokens=64_000,
            stream=True,
            thinking={"type": "enabled", "budget_tokens": 32_000},
        )
        for given in ("xhigh", "max")
    ],
    *[
        golden(
            f"foreign {given}",
            {
                "model": "acme-1",
                "reasoning_effort": given,
                "max_tokens": 100_000,
                "stream": True,
            },
            ["reasoning_effort converted"],
            model="acme-1",
            max_tokens=100_000,
            stream=True,
            thinking={"type": "enabled", "budget_tokens": 32_768},
        )
        for given in ("xhigh", "max")
    ],
    *[
        effort(
            "claude-opus-4-7", given, thinking={"type": "adaptive"}, output_config={"effort": given}
        )
        for given in ("low", "medium", "high", "max")
    ],
    effort(
        "claude-sonnet-4-6", "max", thinking={"type": "adaptive"}, output_config={"effort": "max"}
    ),
    effort("claude-sonnet-5-5", "none", thinking={"type": "between_tools"}),
    golden(
        "forced to call one",
        {
            "reasoning_effort": "low",
            "tools": TOOLS,
            "tool_choice": {"type": "function", "function": {"name": "time"}},
        },
        ["reasoning_effort dropped"],
        tools=SENT_TOOLS,
        tool_choice={"type": "tool", "name": "time"},
    ),
    golden(
        "calls without thinking",
        {"reasoning_effort": "low", "messages": [*USER, CALLED, RESULT]},
        ["reasoning_effort dropped"],
        messages=[{"role": "user", "content": SAID}, SENT_CALL, SENT_RESULT],
    ),
    golden(
        "calls after thinking",
        {"reasoning_effort": "low", "messages": [*USER, THOUGHTFUL, RESULT]},
        ["reasoning_effort converted"],
        messages=[{"role": "user", "content": SAID}, SENT_THOUGHTFUL, SENT_RESULT],
        thinking={"type": "enabled", "budget_tokens": 1024},
    ),
    golden(
        "calls of a turn before",
        {
            "reasoning_effort": "low",
            "messages": [*USER, CALLED, RESULT, {"role": "assistant", "content": "Noon."}, *USER],
        },
        ["reasoning_effort converted"],
        messages=[
            {"role": "user", "content": SAID},
            SENT_CALL,
            SENT_RESULT,
            {"role": "assistant", "content": [block("Noon.")]},
            {"role": "user", "content": SAID},
        ],
        thinking={"type": "enabled", "budget_tokens": 1024},
    ),
    golden(
        "sampling of a model that thinks",
        {"model": "claude-haiku-4-5", "top_p": 0.5, "reasoning_effort": "high"},
        ["reasoning_effort converted", "top_p dropped"],
        thinking={"type": "enabled", "budget_tokens": 1024},
    ),
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
