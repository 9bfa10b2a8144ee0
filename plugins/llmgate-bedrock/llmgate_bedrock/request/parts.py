"""Parts of a message's content as Converse's content blocks; one function for each kind of part.

It decides nothing about turns. What a block cannot carry is refused with its path, or reported.
Source: https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ContentBlock.html
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_array, is_object
from llmgate.provider.kit import drop_others
from llmgate_bedrock.rules import Traits

__all__ = ["Block", "Writer", "is_blank"]

Block = dict[str, Any]
Part = Mapping[str, Any]

_NATIVE = frozenset(
    {
        *("audio", "cachePoint", "citationsContent", "document", "guardContent", "image"),
        *("reasoningContent", "searchResult", "toolAddition", "toolRemoval", "toolResult"),
        *("toolUse", "video"),
    }
)
"""Converse's own blocks, for those who know them: ``{"type": "guardContent", "guardContent": …}``."""

_TYPES: Mapping[str, tuple[str, str]] = {
    **{f"image/{each}": ("image", each) for each in ("png", "jpeg", "gif", "webp")},
    "image/jpg": ("image", "jpeg"),
    **{f"video/{each}": ("video", each) for each in ("mp4", "webm", "mpeg")},
    "video/quicktime": ("video", "mov"),
    "video/x-matroska": ("video", "mkv"),
    "video/x-flv": ("video", "flv"),
    "video/x-ms-wmv": ("video", "wmv"),
    "video/3gpp": ("video", "three_gp"),
    "application/pdf": ("document", "pdf"),
    "application/msword": ("document", "doc"),
    "application/vnd.ms-excel": ("document", "xls"),
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": (
        *("document", "docx"),
    ),
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": ("document", "xlsx"),
    "text/csv": ("document", "csv"),
    "text/html": ("document", "html"),
    "text/markdown": ("document", "md"),
    "text/plain": ("document", "txt"),
}
"""The block and its format for a media type."""
_FORMATS: Mapping[str, tuple[str, str]] = {form: (kind, form) for kind, form in _TYPES.values()} | {
    "jpg": ("image", "jpeg"),
    "3gp": ("video", "three_gp"),
    "mpg": ("video", "mpg"),
    "htm": ("document", "html"),
}
"""The same for the ending of a name."""
_BASE64_OF_PDF = "JVBERi"  # "%PDF"
_NO_FIELD = "a block has no such field"


def is_blank(block: Block) -> bool:
    """Whether it is a text without a word, which the API refuses."""
    return block.keys() == {"text"} and not str(block["text"]).strip()


class Writer:
    """Writes the parts of one call; names of documents are unique in it.

    Raises:
        UnsupportedError: for a part that Converse has no block for.
        InvalidRequestError: for a part that is not what its kind says.
    """

    def __init__(self, call: ProviderCall, traits: Traits) -> None:
        self._call = call
        self._traits = traits
        self._names: set[str] = set()
        self._kinds: Mapping[str, Callable[[Part, str], Block]] = {
            "text": lambda part, _: {"text": part["text"]},
            "refusal": self._refusal,
            "image_url": lambda part, path: self._linked(part, "image_url", path),
            "video_url": lambda part, path: self._linked(part, "video_url", path),
            "input_audio": self._audio,
            "file": self._file,
        }

    def blocks(
        self, content: Any, path: str, *, text_only: bool = False, place: str = "messages"
    ) -> list[Block]:
        """The blocks of a message's content; blank text is left out, which is reported."""
        if content is None:
            return []
        if not is_array(content):
            return self._without_blank([({"text": content}, path)])
        written: list[tuple[Block, str]] = []
        for index, part in enumerate(content):
            where = f"{path}[{index}]"
            if text_only and part["type"] not in ("text", "refusal", *_NATIVE):
                reason = f"{where}: Bedrock takes text alone here, not {part['type']!r:.60}"
                raise UnsupportedError(reason, parameter=where)
            written.append((self._block(part, where), where))
            written += [(point, where) for point in self.cache_points(part, where, place)]
        return self._without_blank(written)

    def cache_points(self, item: Part, path: str, place: str = "messages") -> list[Block]:
        """The cache point that ``cache_control``, or OpenAI's mark, stands for; there may be none."""
        points = list[Block]()
        for name in ("cache_control", "prompt_cache_breakpoint"):
            given = item.get(name)
            if given is None:
                continue
            if place not in self._traits.caches:
                reason = f"{self._call.model} has no cache points there"
                self._call.report.add("dropped", f"{path}.{name}", reason, given=given)
                continue
            point: dict[str, Any] = {"type": "default"}
            if is_object(given) and given.get("ttl") is not None:
                point["ttl"] = given["ttl"]
            reason = "sent as a cache point after it"
            self._call.report.add("converted", f"{path}.{name}", reason, given=given, sent=point)
            points = [{"cachePoint": point}]
        return points

    def _without_blank(self, written: Iterable[tuple[Block, str]]) -> list[Block]:
        kept: list[Block] = []
        for block, path in written:
            if is_blank(block):
                reason = "text without a word is refused by the API"
                self._call.report.add("dropped", path, reason, given=block["text"])
            elif kept or "cachePoint" not in block:
                kept.append(block)
        return kept

    def _block(self, part: Part, path: str) -> Block:
        kind = part["type"]
        write = self._kinds.get(kind)
        known = ("type", kind, "cache_control", "prompt_cache_breakpoint")
        if write is not None:
            drop_others(part, known, path, self._call, _NO_FIELD)
            return write(part, path)
        if kind in _NATIVE and is_object(part.get(kind)):
            drop_others(part, known, path, self._call, _NO_FIELD)
            return {kind: part[kind]}
        reason = f"{path}: Bedrock has nothing for a part of type {kind!r:.60}"
        raise UnsupportedError(reason, parameter=path)

    # --- one for each kind ---

    def _refusal(self, part: Part, path: str) -> Block:
        self._call.report.add("converted", path, "an earlier refusal, sent as text")
        return {"text": part["refusal"]}

    def _linked(self, part: Part, key: str, path: str) -> Block:
        media, where = part[key], f"{path}.{key}"
        if not is_object(media) or not isinstance(media.get("url"), str):
            raise InvalidRequestError("has no url", path=where)
        drop_others(media, ("url", "format"), where, self._call, _NO_FIELD)
        return self._media(media["url"], media.get("format"), "", where)

    def _audio(self, part: Part, path: str) -> Block:  # noqa: ARG002 - one signature
        audio = part["input_audio"]
        return {"audio": {"format": audio["format"], "source": {"bytes": audio["data"]}}}

    def _file(self, part: Part, path: str) -> Block:
        file, where = part["file"], f"{path}.file"
        name, data = file.get("filename"), file.get("file_data")
        drop_others(file, ("file_data", "filename", "format"), where, self._call, _NO_FIELD)
        if not isinstance(data, str):
            raise InvalidRequestError(
                "Bedrock needs file_data: it has no files of its own", path=where
            )
        return self._media(data, file.get("format"), name or "", where)

    def _media(self, url: str, form: str | None, name: str, path: str) -> Block:
        """What is inline in a URL, or in an object of S3."""
        source: dict[str, Any]
        if url.startswith("s3://"):
            source, media_type = {"s3Location": {"uri": url}}, ""
        elif url.startswith(_BASE64_OF_PDF):
            source, media_type = {"bytes": url}, "application/pdf"
        elif url.startswith("data:"):
            media_type, data = _split(url, path)
            source = {"bytes": data}
        else:
            reason = (
                f"{path}: Bedrock fetches nothing from the web: give the data itself, or s3://…"
            )
            raise UnsupportedError(reason, parameter=path)
        kind, form = _kind_of(form or "", media_type, name or url[:4096], path)
        written: Block = {"format": form, "source": source}
        if kind == "document":
            written["name"] = self._document_name(name, path)
        elif name:
            self._call.report.drop(f"{path}.filename", f"the {kind} has no name", given=name)
        return {kind: written}

    def _document_name(self, given: str, path: str) -> str:
        """A name as Bedrock accepts it; each document of a call needs one of its own."""
        stem = given.rpartition(".")[0] or given or "document"
        plain = re.sub(r"[^a-zA-Z0-9 \-()\[\]]+", "-", stem)
        plain = re.sub(" +", " ", plain).strip()[:190] or "document"
        name, number = plain, 1
        while name in self._names:
            number += 1
            name = f"{plain} {number}"
        self._names.add(name)
        if name != given:
            reason = "a document's name is unique, of letters, digits, single spaces and -()[]"
            self._call.report.add("converted", f"{path}.filename", reason, given=given, sent=name)
        return name


def _kind_of(form: str, media_type: str, name: str, path: str) -> tuple[str, str]:
    """The block and the format, by what is given, the type of the data, or the name's ending."""
    ending = name.rpartition(".")[2].lower()
    for key, table in ((form, _FORMATS), (form, _TYPES), (media_type, _TYPES), (ending, _FORMATS)):
        if key in table:
            return table[key]
    if media_type.startswith("text/"):
        return "document", "txt"
    reason = f"{path}: Bedrock takes no data of the type {media_type or ending!r:.60}"
    raise UnsupportedError(f"{reason}; format says which it is", parameter=path)


def _split(url: str, path: str) -> tuple[str, str]:
    """The media type and the base64 text of a data URL."""
    head, comma, data = url.partition(",")
    kind, *parameters = head.removeprefix("data:").split(";")
    if not (comma and "base64" in parameters):
        raise InvalidRequestError("must be data:<mime type>;base64,<data>", path=path)
    return kind.strip().lower(), data
