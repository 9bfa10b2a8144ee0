"""Anthropic's marks of cached prefixes, in calls of OpenAI's own host and of others."""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client, UnsupportedError
from llmgate_openai import OpenAI

MARK = {"type": "ephemeral"}
SYSTEM = {"role": "system", "content": "Be brief.", "cache_control": MARK}
PARTS = {
    "role": "user",
    "content": [
        {"type": "text", "text": "The manual.", "cache_control": MARK},
        {"type": "text", "text": "Hi"},
    ],
}
UNMARKED = {"role": "user", "content": [{"type": "text", "text": "Hi"}]}
FUNCTION = {"type": "function", "function": {"name": "f", "parameters": {"type": "object"}}}


def previewed(model: str, *messages: Any, base_url: str | None = None, **options: Any) -> Any:
    """The preview of a call."""
    client = Client(providers={"openai": OpenAI(api_key="none", base_url=base_url)})
    return client.preview(f"openai/{model}", messages, **options)


@pytest.mark.parametrize("model", ["gpt-4o", "responses/gpt-5"])
def test_marks_are_dropped_and_reported(model: str) -> None:
    """On messages, parts and tools, in both APIs; what stands beside them is sent."""
    tools = [FUNCTION, {**FUNCTION, "cache_control": MARK}]
    preview = previewed(model, SYSTEM, PARTS, UNMARKED, tools=tools)
    assert "cache_control" not in preview.body.decode()
    assert 2 == len(preview.json()["tools"])
    places = ["tools[1]", "messages[0]", "messages[1].content[0]"]
    assert [f"{place}.cache_control" for place in places] == [
        each.path for each in preview.report if each.path.endswith("cache_control")
    ]
    with pytest.raises(UnsupportedError, match="prompt_cache_breakpoint"):
        previewed(model, SYSTEM, UNMARKED, unsupported="raise")


def test_a_call_without_marks_is_sent_as_it_is() -> None:
    """Nothing is copied, and nothing reported."""
    preview = previewed("gpt-4o", UNMARKED, tools=[FUNCTION])
    assert [UNMARKED] == preview.json()["messages"]
    assert not preview.report
    plain = {"role": "user", "content": "Hi"}
    marked = {**FUNCTION, "cache_control": MARK}
    assert [FUNCTION] == previewed("gpt-4o", plain, tools=[marked]).json()["tools"]


def test_other_hosts_are_sent_them() -> None:
    """Some of them serve Anthropic's models."""
    preview = previewed("claude", SYSTEM, PARTS, base_url="https://host.example/v1")
    assert [SYSTEM, PARTS] == preview.json()["messages"]
    assert not preview.report
