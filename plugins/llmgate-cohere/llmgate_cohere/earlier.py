"""Earlier answers on their way back: Cohere's own content, plan and citations as they came.

It repairs nothing: what the caller has changed since is sent as the message now says it.
Source: https://docs.cohere.com/docs/tool-use-overview, https://docs.cohere.com/docs/reasoning
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object

__all__ = ["NAME", "add_earlier", "joined_text", "kept_of"]

NAME = "cohere"
"""The key of our own in a message's ``provider_data``."""


def kept_of(message: Mapping[str, Any], path: str, call: ProviderCall) -> dict[str, Any] | None:
    """What an answer of ours kept for the way back; None where the message says it all.

    Raises:
        InvalidRequestError: when it is not what an answer's message holds.
    """
    provider_data: Any = message.get("provider_data") or {}
    if not is_object(provider_data):
        raise InvalidRequestError("expected an object", path=f"{path}.provider_data")
    for provider in provider_data:
        if provider != NAME:
            where = f"{path}.provider_data.{provider}"
            call.report.add("dropped", where, "Cohere cannot read it")
    kept = provider_data.get(NAME)
    if kept is None:
        _report_what_is_not_ours(message, path, call)
        return None
    where = f"{path}.provider_data.{NAME}"
    if not is_object(kept):
        raise InvalidRequestError("not what an answer's message held", path=where)
    _check(kept, where)
    return kept


def _report_what_is_not_ours(message: Mapping[str, Any], path: str, call: ProviderCall) -> None:
    for key in ("reasoning_content", "annotations"):
        if message.get(key):
            reason = "Cohere takes only its own back, in provider_data"
            call.report.add("dropped", f"{path}.{key}", reason)


def _check(kept: Mapping[str, Any], path: str) -> None:
    content, citations = kept.get("content", []), kept.get("citations", [])
    if not is_array(content) or not all(map(is_object, content)):
        raise InvalidRequestError("expected content items", path=f"{path}.content")
    if not is_array(citations):
        raise InvalidRequestError("expected a list", path=f"{path}.citations")
    if not isinstance(kept.get("tool_plan", ""), str):
        raise InvalidRequestError("expected a text", path=f"{path}.tool_plan")


def add_earlier(
    turn: dict[str, Any], content: Any, kept: Mapping[str, Any], path: str, call: ProviderCall
) -> None:
    """Put into a turn what was kept, as it came, where the message still says the same text.

    Where the caller has changed the text, or the answer broke off, the message counts, after those
    items that it has no words for; citations, which point into the text, are then left out.
    """
    plan, citations, items = (kept.get(key) for key in ("tool_plan", "citations", "content"))
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
    said = [{"type": "text", "text": content}] if isinstance(content, str) else content or []
    wordless = [item for item in items or () if item.get("type") not in ("text", "thinking")]
    thoughts = [item for item in items or () if item.get("type") == "thinking"]
    if parts := [*thoughts, *wordless, *(part for part in said if part["type"] == "text")]:
        turn["content"] = parts


def joined_text(content: Any) -> str:
    """The words of some content."""
    if not is_array(content):
        return content or ""
    return "".join(str(part.get("text")) for part in content if part.get("type") == "text")
