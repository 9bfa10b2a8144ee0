"""Parts of a message's content as Converse's content blocks; one function for each kind of part.

It decides nothing about turns. What a block cannot carry is refused with its path, or reported.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import drop_others
from llmgate.provider.kit.history import BASE64_OF_PDF, inline_data
from llmgate.provider.kit.parts import PartWriter
from llmgate_bedrock.rules import Traits

__all__ = ["MARKS", "TEXTS", "Block", "Writer", "is_blank"]

Block = dict[str, Any]
Part = Mapping[str, Any]

_NATIVE = frozenset(
    {
        *("audio", "cachePoint", "citationsContent", "document", "guardContent", "image"),
        *("reasoningContent", "searchResult", "toolAddition", "toolRemoval", "toolResult"),
        *("toolUse", "video"),
    }
)
"""Converse's own blocks, for those who know them: ``{"type": "cachePoint", "cachePoint": {…}}``."""
TEXTS = ("text", "refusal", *_NATIVE)
"""What may stand where media may not."""

_FORMATS: Mapping[str, tuple[str, ...]] = {
    "image": ("png", "jpeg", "gif", "webp"),
    "video": ("mp4", "mov", "mkv", "webm", "flv", "mpeg", "mpg", "wmv", "three_gp"),
    "document": ("pdf", "csv", "doc", "docx", "xls", "xlsx", "html", "txt", "md"),
}
_KINDS: Mapping[str, str] = {form: kind for kind, forms in _FORMATS.items() for form in forms}
_OFFICE = "vnd.openxmlformats-officedocument"
_OTHER_NAMES: Mapping[str, str] = {
    **dict.fromkeys(("jpg", "jpe"), "jpeg"),
    **dict.fromkeys(("quicktime", "qt"), "mov"),
    **dict.fromkeys(("x-matroska", "matroska"), "mkv"),
    **{"x-flv": "flv", "x-ms-wmv": "wmv", "htm": "html", "markdown": "md", "plain": "txt"},
    **dict.fromkeys(("3gpp", "3gp"), "three_gp"),
    **{"msword": "doc", "vnd.ms-excel": "xls"},
    **{f"{_OFFICE}.wordprocessingml.document": "docx", f"{_OFFICE}.spreadsheetml.sheet": "xlsx"},
}
"""Formats by what stands behind the slash of a media type, or the dot of a name."""
MARKS = ("cache_control", "prompt_cache_breakpoint")
_NO_FIELD = "a block has no such field"


def is_blank(block: Block) -> bool:
    """Whether it is a text without a word, which the API refuses."""
    return block.keys() == {"text"} and not str(block["text"]).strip()


class Writer(PartWriter):
    """Writes the parts of one call; names of documents are unique in it."""

    vendor, no_text = "Bedrock", "text without a word is refused by the API"
    own, marks = _NATIVE, MARKS

    def __init__(self, call: ProviderCall, traits: Traits) -> None:
        super().__init__(call)
        self._traits = traits
        self._names: set[str] = set()
        self.kinds |= {
            "image_url": self._linked,
            "video_url": self._linked,
            "input_audio": self._audio,
            "file": self._file,
        }

    def is_blank(self, written: Block) -> bool:
        """Whether it is a text without a word."""
        return is_blank(written)

    def own_part(self, part: Part, path: str) -> Block:
        """A block of Converse's, which has no field beside it."""
        kind = part["type"]
        if kind not in part:
            raise InvalidRequestError(f"has no {kind}", path=path)
        drop_others(part, ("type", kind, *MARKS), path, self.call, _NO_FIELD)
        return {kind: part[kind]}

    def beside(self, part: Part, path: str, place: str = "messages") -> list[Block]:
        """The cache point that ``cache_control``, or OpenAI's mark, stands for, if any."""
        points = list[Block]()
        for name in MARKS:
            given, point = part.get(name), {"type": "default"}
            if given is None:
                continue
            if is_object(given) and given.get("ttl") is not None:
                point["ttl"] = given["ttl"]
            if place in self._traits.caches:
                points = [{"cachePoint": point}]
                reason = "sent as a cache point after it"
                self.call.report.add("converted", f"{path}.{name}", reason, given=given)
            else:
                reason = f"{self.call.model} has no cache points there"
                self.call.report.add("dropped", f"{path}.{name}", reason, given=given)
        return points

    # --- one for each kind ---

    def _linked(self, part: Part, path: str) -> Block:
        path = f"{path}.{part['type']}"
        media = part.get(part["type"])
        if not is_object(media) or not isinstance(media.get("url"), str):
            raise InvalidRequestError("has no url", path=path)
        drop_others(media, ("url", "format"), path, self.call, _NO_FIELD)
        return self._media(media["url"], media.get("format"), "", path)

    def _audio(self, part: Part, path: str) -> Block:  # noqa: ARG002 - one signature
        audio = part["input_audio"]
        return {"audio": {"format": audio["format"], "source": {"bytes": audio["data"]}}}

    def _file(self, part: Part, path: str) -> Block:
        file, path = part["file"], f"{path}.file"
        drop_others(file, ("file_data", "filename", "format"), path, self.call, _NO_FIELD)
        if not isinstance(file.get("file_data"), str):
            reason = "Bedrock needs file_data: it has no files of its own"
            raise InvalidRequestError(reason, path=path)
        name = file.get("filename") or ""
        return self._media(file["file_data"], file.get("format"), name, path)

    def _media(self, url: str, form: str | None, name: str, path: str) -> Block:
        """What is inline in a URL, or in an object of S3."""
        media_type, source = "", dict[str, Any]()
        if url.startswith("s3://"):
            source["s3Location"] = {"uri": url}
        elif url.startswith(BASE64_OF_PDF):
            media_type, source["bytes"] = "application/pdf", url
        elif url.startswith("data:"):
            media_type, source["bytes"] = inline_data(url, path)
        else:
            reason = "Bedrock fetches nothing from the web: give the data itself, or s3://…"
            raise UnsupportedError(f"{path}: {reason}", parameter=path)
        location = url if "s3Location" in source else ""
        kind, form = _kind_of(form or "", media_type, name or location, path)
        written: Block = {"format": form, "source": source}
        if kind == "document":
            written["name"] = self._document_name(name, path)
        elif name:
            self.call.report.drop(f"{path}.filename", f"the {kind} has no name", given=name)
        return {kind: written}

    def _document_name(self, given: str, path: str) -> str:
        """A name as Bedrock accepts it; each document of a call needs one of its own."""
        stem = given.rpartition(".")[0] or given or "document"
        plain = re.sub(" +", " ", re.sub(r"[^a-zA-Z0-9 \-()\[\]]+", "-", stem)).strip()[:190]
        name = plain = plain.rstrip() or "document"
        number = 1
        while name in self._names:
            number += 1
            name = f"{plain} {number}"
        self._names.add(name)
        if name != given:
            reason = "a document's name is unique, of letters, digits, single spaces and -()[]"
            self.call.report.add("converted", f"{path}.filename", reason, given=given, sent=name)
        return name


def _kind_of(given: str, media_type: str, name: str, path: str) -> tuple[str, str]:
    """The block and the format, by what is given, the type of the data, or the name's ending."""
    family, _, subtype = media_type.partition("/")
    for word in (given, subtype, name.rpartition(".")[2].lower()):
        form = _OTHER_NAMES.get(word, word)
        if form in _KINDS:
            return _KINDS[form], form
    if family == "text":
        return "document", "txt"
    reason = f"Bedrock takes no {media_type or name!r:.60}; format says which of its formats it is"
    raise UnsupportedError(f"{path}: {reason}", parameter=path)
