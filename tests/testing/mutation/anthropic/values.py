"""What exchanges with Anthropic are made of: a call, blocks, counts and messages.

They were made up after the public reference: https://platform.claude.com/docs/en/api/messages
"""

from __future__ import annotations

from typing import Any

from tests.testing.mutation.writing import tool

__all__ = [
    "ASK",
    "CITATION",
    "CITED",
    "COUNTS",
    "EMULATED",
    "HEAD",
    "PAGE",
    "REDACTED",
    "SEARCH",
    "THOUGHT",
    "TOOLS",
    "USAGE",
    "USER",
    "WITH_TOOLS",
    "answered",
    "text",
    "used",
]

USER = [{"role": "user", "content": "Weather in Zürich?"}]
TOOLS = [tool("weather", city={"type": "string"}), tool("time")]
ASK: dict[str, Any] = {"model": "claude-haiku-4-5", "messages": USER, "max_tokens": 2000}
WITH_TOOLS = {**ASK, "tools": TOOLS}
COUNTS = {
    "input_tokens": 11,
    "output_tokens": 7,
    "cache_creation_input_tokens": 2,
    "cache_read_input_tokens": 3,
    "service_tier": "standard",
}
USAGE = {
    "prompt_tokens": 16,
    "completion_tokens": 7,
    "total_tokens": 23,
    "prompt_tokens_details": {"cached_tokens": 3, "cache_write_tokens": 2},
    "cache_creation_input_tokens": None,
    "cache_read_input_tokens": None,
    "input_tokens": None,
    "output_tokens": None,
}
HEAD = {"id": "msg_1", "type": "message", "role": "assistant", "model": "claude-haiku-4-5-2025"}
CITATION = {"type": "char_location", "cited_text": "Rain", "document_index": 0}
PAGE = {"type": "web_search_result_location", "url": "https://a.invalid", "title": "A"}
CITED = [
    {
        "type": "char_location",
        "char_location": {
            "cited_text": "Rain",
            "document_index": 0,
            "start_index": 6,
            "end_index": 11,
        },
    },
    {
        "type": "url_citation",
        "url_citation": {
            "url": "https://a.invalid",
            "title": "A",
            "start_index": 6,
            "end_index": 11,
        },
    },
]


def text(said: str, **fields: Any) -> dict[str, Any]:
    """A block of text."""
    return {"type": "text", "text": said, **fields}


def used(identifier: str | None, name: str, given: Any) -> dict[str, Any]:
    """A block that calls a tool."""
    block = {"type": "tool_use", "id": identifier, "name": name, "input": given}
    return {key: value for key, value in block.items() if value is not None}


def answered(
    reason: str | None, *blocks: Any, usage: Any = COUNTS, **fields: Any
) -> dict[str, Any]:
    """A message."""
    ended = {"stop_reason": reason, "stop_sequence": None}
    return {**HEAD, "content": list(blocks), **ended, "usage": usage, **fields}


THOUGHT = {"type": "thinking", "thinking": "Clouds.", "signature": "c2lnbmVk"}
REDACTED = {"type": "redacted_thinking", "data": "cmVkYWN0ZWQ="}
SEARCH = {"type": "server_tool_use", "id": "srv_1", "name": "web_search", "input": {"query": "a"}}
SCHEMA = {
    "type": "json_schema",
    "json_schema": {
        "name": "the city",
        "description": "Where.",
        "schema": {"type": "object", "additionalProperties": {"type": "string"}},
    },
}
EMULATED = {**ASK, "model": "claude-3-haiku-20240307", "response_format": SCHEMA}
