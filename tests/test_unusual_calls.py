"""Calls of tools, and parts, of types that hosts invented, in a history that goes to any provider.

It takes them, or says which it does not take; none of its code fails.
"""

from __future__ import annotations

from typing import Any

import pytest

from llmgate import Client, InvalidRequestError, UnsupportedError

SETTINGS: dict[str, dict[str, Any]] = {
    "anthropic": {},
    "bedrock": {"region": "us-east-1"},
    "cohere": {},
    "gemini": {},
    "huggingface": {},
    "mistral": {},
    "ollama": {},
    "openai": {},
    "replicate": {},
    "snowflake": {"account": "a"},
    "vertex": {"project": "p"},
}
QUESTION: dict[str, Any] = {"role": "user", "content": "Hi"}
CALLS: list[dict[str, Any]] = [
    {"type": "x"},
    {"type": "x", "id": "a"},
    {"type": "x", "id": ["a"], "function": {"name": "f", "arguments": "{}"}},
    {"type": "x", "id": "a", "function": "f"},
    {"type": "x", "id": "a", "function": {"name": 1}},
    {"type": "x", "id": "a", "function": {}},
    {"type": "x", "id": "a", "custom": 1},
    {"type": "x", "custom": {"name": "f"}},
]
KINDS = (
    *("video_url", "video", "image", "document", "thinking", "redacted_thinking", "reasoning"),
    *("cachePoint", "guardContent", "citationsContent", "toolUse", "search_result", "input_text"),
    *("tool_use", "tool_result", "reference", "document_url", "searchResult", "functionCall"),
)
TOOLS: list[dict[str, Any]] = [
    {"type": "x", "function": {}},
    {"type": "x", "function": {"name": 1}},
    {"type": "x", "function": "f"},
    {"type": "x", "custom": 1},
]


def is_taken(provider: str, messages: list[dict[str, Any]], **parameters: Any) -> bool:
    """Whether the provider writes such a call; otherwise it says why not."""
    options: dict[str, Any] = {"provider_settings": SETTINGS[provider], **parameters}
    with Client() as client:
        try:
            client.preview(f"{provider}/m", messages, api_key="k", **options)
        except (InvalidRequestError, UnsupportedError):
            return False
    return True


@pytest.mark.parametrize("call", CALLS, ids=repr)
@pytest.mark.parametrize("provider", SETTINGS)
def test_a_call_of_a_hosts_own_type(provider: str, call: dict[str, Any]) -> None:
    """It is refused by a format of other words; OpenAI's has it as it is."""
    history = [QUESTION, {"role": "assistant", "content": "So:", "tool_calls": [call]}, QUESTION]
    is_as_it_is = provider in {"huggingface", "openai", "snowflake"}
    is_named = call == {**CALLS[3], "function": {"name": "f", "arguments": "{}"}}
    assert (is_as_it_is or is_named) == is_taken(provider, history)


@pytest.mark.parametrize("tool", TOOLS, ids=repr)
@pytest.mark.parametrize("provider", SETTINGS)
def test_a_tool_of_a_hosts_own_type(provider: str, tool: dict[str, Any]) -> None:
    """Likewise; a host that has no such types says so."""
    is_as_it_is = provider in {"openai", "snowflake"}
    assert is_as_it_is == is_taken(provider, [QUESTION], tools=[tool])


@pytest.mark.parametrize("more", [{"tool_calls": [1]}, {"tool_calls": 1}, {"tool_call_id": [1]}])
@pytest.mark.parametrize("role", ["user", "system"])
@pytest.mark.parametrize("provider", SETTINGS)
def test_the_names_of_one_role_in_another(provider: str, role: str, more: dict[str, Any]) -> None:
    """They are unknown keys."""
    assert is_taken(provider, [QUESTION, {"role": role, "content": "x", **more}, QUESTION])


@pytest.mark.parametrize("more", [{}, {"text": 1}, {"video_url": "x"}, {"source": 1}], ids=repr)
@pytest.mark.parametrize("role", ["user", "system", "assistant"])
@pytest.mark.parametrize("provider", SETTINGS)
def test_a_part_that_lacks_what_its_type_has(
    provider: str, role: str, more: dict[str, Any]
) -> None:
    """It is refused where the type is known, and mostly where it is not."""
    taken: set[str] = set()
    for kind in KINDS:
        history = [QUESTION, {"role": role, "content": [{"type": kind, **more}]}, QUESTION]
        if is_taken(provider, history):
            taken.add(kind)
    assert ({*KINDS} == taken) >= (provider in {"huggingface", "openai", "snowflake"})
