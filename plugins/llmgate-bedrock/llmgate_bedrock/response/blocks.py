"""A content block while it streams, and what it was in Converse's own form; it makes no chunk.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.errors import DecodeError
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import NativeContent, SideFields, read_json

__all__ = ["Block", "annotations_of", "native_content", "native_data", "text_of"]


@dataclass(slots=True)
class Block:
    """A block that has begun.

    ``start`` is what it began with, ``begins_at`` where its text begins in the content, ``call``
    the number of the tool call that it is. ``others`` are values of deltas that are not known here.
    """

    begins_at: int
    start: dict[str, Any] = field(default_factory=dict[str, Any])
    call: int | None = None
    is_output: bool = False
    texts: list[str] = field(default_factory=list[str])
    thoughts: list[str] = field(default_factory=list[str])
    arguments: list[str] = field(default_factory=list[str])
    signature: str | None = None
    redacted: list[str] = field(default_factory=list[str])
    citations: list[Any] = field(default_factory=list[Any])
    results: list[Any] = field(default_factory=list[Any])
    others: dict[str, Any] = field(default_factory=dict[str, Any])

    def native(self) -> dict[str, Any]:
        """The block as a whole response has it."""
        if self.citations:
            content = {"content": [{"text": "".join(self.texts)}]} if self.texts else {}
            return {"citationsContent": {**content, "citations": self.citations}}
        if self.texts:
            return {"text": "".join(self.texts)}
        if self.thoughts or self.signature is not None:
            thought = {"text": "".join(self.thoughts)}
            if self.signature is not None:
                thought["signature"] = self.signature
            return {"reasoningContent": {"reasoningText": thought}}
        if self.redacted:
            return {"reasoningContent": {"redactedContent": _joined(self.redacted)}}
        block = {key: self._ended(key, value) for key, value in self.start.items()}
        return {**block, **self.others}

    def _ended(self, key: str, value: Any) -> Any:
        if not is_object(value):
            return value
        if key == "toolUse":
            value = {name: each for name, each in value.items() if each != "tool_use"}
            return {**value, "input": _value_of("".join(self.arguments))}
        if key == "toolResult":
            return {**value, "content": self.results}
        more = self.others.pop(key, None)
        return {**value, **more} if is_object(more) else value


def _joined(pieces: list[str]) -> str:
    """Base64 of all bytes: each piece is encoded by itself."""
    if len(pieces) == 1:
        return pieces[0]
    try:
        return b64encode(b"".join(b64decode(piece, validate=True) for piece in pieces)).decode()
    except ValueError:
        return "".join(pieces)


def _value_of(text: str) -> Any:
    """The input of a call; what is not JSON, such as where it was truncated, as text."""
    try:
        return read_json(text.encode()) if text.strip() else {}
    except DecodeError:
        return text


def native_content() -> NativeContent:
    """Holds the blocks of one response back until its text and calls do not represent them."""
    return NativeContent(_is_plain)


def _is_plain(block: Mapping[str, Any], place: int) -> bool:
    """Whether it is the only text, before all calls, or a call, and has no further fields."""
    if block.keys() == {"text"}:
        return place == 0
    used = block.get("toolUse")
    return (
        block.keys() == {"toolUse"}
        and is_object(used)
        and used.keys() <= {"toolUseId", "name", "input"}
        and is_object(used.get("input"))
    )


def native_data(blocks: Iterable[dict[str, Any]]) -> dict[str, Any] | None:
    """Blocks as ``provider_data``; None without any."""
    content = [*blocks]
    return {"bedrock": {"content": content}} if content else None


def annotations_of(citations: Iterable[Any], start: int, end: int) -> list[dict[str, Any]]:
    """The citations of a text that stands at these places of the content.

    A page of the web is OpenAI's ``url_citation``; other sources keep Bedrock's name and fields.
    """
    return [_annotation(each, start, end) for each in citations if is_object(each)]


def _annotation(citation: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    place = {"start_index": start, "end_index": end}
    source = {key: value for key, value in citation.items() if key != "location"}
    location = SideFields(citation).object("location").payload
    kind = next(iter(location), "citation")
    where = location.get(kind)
    details = where if is_object(where) else {}
    if kind == "web":
        page = {"url": details.get("url"), "title": citation.get("title")}
        rest = {key: value for key, value in {**source, **details}.items() if key not in page}
        return {"type": "url_citation", "url_citation": {**page, **place, **rest}}
    return {"type": kind, kind: {**source, **details, **place}}


def text_of(content: Any) -> str:
    """The text of these blocks."""
    items = content if is_array(content) else []
    return "".join(str(each.get("text") or "") for each in items if is_object(each))
