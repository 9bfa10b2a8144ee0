"""A content block while it streams, and what it says in OpenAI's shape; it makes no chunk.

Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlockDelta.html
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from llmgate.provider.accumulate import beside
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import SideFields, parsed_arguments
from llmgate.provider.merging import join_base64, settled
from llmgate.types import PromptTokensDetails, Usage

__all__ = [
    "Block",
    "annotations_of",
    "audio_of",
    "images_of",
    "is_plain",
    "text_of",
    "usage_of",
]


@dataclass(slots=True)
class Block:
    """A block that has begun.

    ``begins_at`` is where its text begins in the content, ``start`` what it began with, and
    ``call`` the number of the tool call that it is. ``others`` are values of deltas that are not
    known here.
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
        """The block as a whole response has it; empty where nothing came."""
        block, text = self._known(), {"text": "".join(self.texts)}
        if self.citations:
            said = {"content": [text]} if self.texts else {}
            block["citationsContent"] = {**said, "citations": self.citations}
        elif self.texts:
            block |= text
        for key, value in settled(self.others).items():
            before = block.get(key)
            block[key] = {**before, **value} if is_object(before) and is_object(value) else value
        return block

    def _known(self) -> dict[str, Any]:
        """What it began with, and what of thoughts, arguments and results has come since."""
        block, reasoning = dict(self.start), dict[str, Any]()
        if self.thoughts or self.signature is not None:
            signed = {} if self.signature is None else {"signature": self.signature}
            reasoning["reasoningText"] = {"text": "".join(self.thoughts), **signed}
        if self.redacted:
            reasoning["redactedContent"] = join_base64(self.redacted)
        if reasoning:
            block["reasoningContent"] = reasoning
        if is_object(used := block.get("toolUse")):
            pairs = used.items()
            named = {key: value for key, value in pairs if (key, value) != ("type", "tool_use")}
            block["toolUse"] = {**named, "input": parsed_arguments("".join(self.arguments))}
        if is_object(result := block.get("toolResult")):
            block["toolResult"] = {**result, "content": self.results}
        return block


def is_plain(block: Mapping[str, Any], place: int) -> bool:
    """Whether OpenAI's shape represents a block completely: it is the first and only a text, or it
    is a call without further fields."""
    used = block.get("toolUse")
    if len(block) != 1 or not is_object(used):
        return [*block] == ["text"] and place == 0
    return used.keys() <= {"toolUseId", "name", "input"} and is_object(used.get("input"))


def text_of(content: Any) -> str:
    """The text of blocks, also where it is cited."""
    texts = list[str]()
    for block in content if is_array(content) else ():
        side = SideFields(block)
        cited = side.payload.get("citationsContent")
        texts.append(text_of(cited.get("content")) if is_object(cited) else side.text("text") or "")
    return "".join(texts)


def annotations_of(citations: Iterable[Any], start: int, end: int) -> list[dict[str, Any]]:
    """The citations of a text that stands at these places of the content.

    A page of the web is OpenAI's ``url_citation``; other sources keep Bedrock's name and fields.
    """
    return [_annotation(each, start, end) for each in citations if is_object(each)]


def _annotation(citation: Mapping[str, Any], start: int, end: int) -> dict[str, Any]:
    location = SideFields(citation).object("location")
    kind = next(iter(location.payload), "citation")
    source = {key: value for key, value in citation.items() if key != "location"}
    source |= {**location.object(kind).payload, "start_index": start, "end_index": end}
    kind = "url_citation" if kind == "web" else kind
    return {"type": kind, kind: source}


def images_of(block: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The picture that a block is, in the form of an image part; none of any other."""
    image = SideFields(block).object("image")
    form, data = image.text("format"), image.object("source").text("bytes")
    url = f"data:image/{form};base64,{data}"
    return [{"type": "image_url", "image_url": {"url": url}}] if form and data else []


def audio_of(block: Mapping[str, Any]) -> dict[str, Any] | None:
    """The sound that a block is, as base64, with its type; None of any other."""
    audio = SideFields(block).object("audio")
    form, data = audio.text("format"), audio.object("source").text("bytes")
    return {"data": data, "mime_type": f"audio/{form}"} if form and data else None


_COUNTED = (
    *("inputTokens", "outputTokens", "totalTokens", "cacheReadInputTokens"),
    *("cacheWriteInputTokens", "cacheReadInputTokenCount", "cacheWriteInputTokenCount"),
)


def _first(fields: SideFields, *names: str) -> int | None:
    """The count that is given under one of these names, of which each is read."""
    counts = [fields.integer(name) for name in names]
    return next((count for count in counts if count is not None), None)


def usage_of(fields: SideFields) -> Usage | None:
    """The usage: the prompt with cache reads and writes. None without a count."""
    uncached, output = fields.integer("inputTokens"), fields.integer("outputTokens")
    read = _first(fields, "cacheReadInputTokens", "cacheReadInputTokenCount")
    written = _first(fields, "cacheWriteInputTokens", "cacheWriteInputTokenCount")
    if uncached is output is written is read is None:
        return None
    prompt, total = (uncached or 0) + (written or 0) + (read or 0), fields.integer("totalTokens")
    has_cache = read is not None or written is not None
    cached = PromptTokensDetails(read, written) if has_cache else None
    total = prompt + (output or 0) if total is None else total
    extra = beside(fields.others(*_COUNTED), Usage, "bedrock")
    return Usage(prompt, output or 0, total, cached, extra=extra)
