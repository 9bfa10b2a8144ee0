"""Earlier responses of Cohere's own: content, plan and citations go back as they came.

It repairs nothing: what the caller has changed since is sent as the message now says it.
Source: https://docs.cohere.com/docs/tool-use-overview, https://docs.cohere.com/docs/reasoning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import own_data

__all__ = ["NAME", "add_native", "joined_text", "native_of"]

NAME = "cohere"
"""The key of Cohere's own data in a message's ``provider_data``."""


def native_of(message: Mapping[str, Any], path: str, call: ProviderCall) -> dict[str, Any] | None:
    """The native form of an earlier response; None where the message represents it completely.

    Raises:
        InvalidRequestError: when it is not what a response's message holds.
    """
    native = own_data(message, NAME, path, call)
    if native is not None:
        _check(native, f"{path}.provider_data.{NAME}")
        return native
    for key in ("reasoning_content", "annotations"):
        if message.get(key):
            reason = "Cohere accepts only its own back, from provider_data"
            call.report.add("dropped", f"{path}.{key}", reason)
    return None


def _check(native: Mapping[str, Any], path: str) -> None:
    content, citations = native.get("content", []), native.get("citations", [])
    if not is_array(content) or not all(map(is_object, content)):
        raise InvalidRequestError("must be a list of objects", path=f"{path}.content")
    if not is_array(citations):
        raise InvalidRequestError("must be a list", path=f"{path}.citations")
    if not isinstance(native.get("tool_plan", ""), str):
        raise InvalidRequestError("must be a string", path=f"{path}.tool_plan")


def add_native(
    turn: dict[str, Any], content: Any, native: Mapping[str, Any], path: str, call: ProviderCall
) -> None:
    """Add the native form to a message, as it came, where the text is still the same.

    Where the caller has changed the text, or the stream was truncated, the message's own text is
    sent, after those items that it has no words for; citations, which point into the text, are then
    left out.
    """
    plan, citations, items = (native.get(key) for key in ("tool_plan", "citations", "content"))
    if plan:
        turn["tool_plan"] = plan
    if joined_text(items) == joined_text(content):
        if items or content is not None:
            turn["content"] = items or content
        if citations:
            turn["citations"] = citations
        return
    reason = "the text is sent as the message has it, which is not as it came"
    call.report.add("converted", f"{path}.provider_data.{NAME}", reason)
    parts = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    thoughts = [item for item in items or () if item.get("type") == "thinking"]
    unknown = [item for item in items or () if item.get("type") not in ("text", "thinking")]
    if sent := [*thoughts, *unknown, *(part for part in parts if part["type"] == "text")]:
        turn["content"] = sent


def joined_text(content: Any) -> str:
    """The text of some content."""
    if not is_array(content):
        return content or ""
    return "".join(str(part.get("text")) for part in content if part.get("type") == "text")
