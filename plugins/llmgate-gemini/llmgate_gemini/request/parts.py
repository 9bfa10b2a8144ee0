"""Parts of a message's content as Gemini's parts; one function for each kind of part.

It decides nothing about turns. What a part cannot carry is refused with its path, or reported.
Source: https://ai.google.dev/api/caching#Part, and /gemini-api/docs/image-understanding and those
of video, audio and documents.
"""

from __future__ import annotations

from collections.abc import Mapping
from mimetypes import types_map
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import is_object
from llmgate.provider.kit import drop_others
from llmgate.provider.kit.history import BASE64_OF_PDF, inline_data
from llmgate.provider.kit.parts import PartWriter
from llmgate_gemini.traits import Traits

__all__ = ["Api", "Part", "Writer"]

Part = dict[str, Any]

_VIDEO = ("https://www.youtube.com/", "https://youtube.com/", "https://youtu.be/")
_RESOLUTIONS = {"low": "MEDIA_RESOLUTION_LOW", "high": "MEDIA_RESOLUTION_HIGH"}
_MORE_TYPES = {".webp": "image/webp", ".heic": "image/heic", ".heif": "image/heif"}


class Api(NamedTuple):
    """Which of Google's two APIs a request is for.

    ``is_vertex`` is whether it is Vertex AI's; ``files_url`` is where the other one has its files.
    """

    is_vertex: bool
    files_url: str = ""


class Writer(PartWriter):
    """Writes the parts of one call's messages."""

    vendor, no_text = "Gemini", "an empty text says nothing"
    own = frozenset({"inlineData", "fileData", "executableCode", "codeExecutionResult"})

    def __init__(self, call: ProviderCall, traits: Traits, api: Api) -> None:
        super().__init__(call)
        self._traits = traits
        self._api = api
        self.kinds |= {
            "image_url": self._image,
            "input_audio": self._audio,
            "video_url": self._video,
            "file": self._file,
        }

    # --- one for each kind ---

    def _image(self, part: Mapping[str, Any], path: str) -> Part:
        image, where = part["image_url"], f"{path}.image_url"
        drop_others(image, ("url", "detail", "format"), where, self.call, "has no such field")
        written = self._media(image["url"], f"{where}.url", image.get("format"), "image/jpeg")
        detail = image.get("detail")
        if detail in _RESOLUTIONS and self._traits.is_third:
            written["mediaResolution"] = {"level": _RESOLUTIONS[detail]}
        elif detail not in (None, "auto"):
            self.call.report.drop(f"{where}.detail", "the model has no such detail", given=detail)
        return written

    def _video(self, part: Mapping[str, Any], path: str) -> Part:
        video, where = part.get("video_url"), f"{path}.video_url"
        if not is_object(video) or not isinstance(video.get("url"), str):
            raise InvalidRequestError("has no url", path=where)
        drop_others(video, ("url", "format"), where, self.call, "has no such field")
        return self._media(video["url"], f"{where}.url", video.get("format"), "video/mp4")

    def _audio(self, part: Mapping[str, Any], path: str) -> Part:  # noqa: ARG002 - one signature
        audio = part["input_audio"]
        return _inline(f"audio/{audio['format']}", audio["data"])

    def _file(self, part: Mapping[str, Any], path: str) -> Part:
        file, where = part["file"], f"{path}.file"
        data, identifier = file.get("file_data"), file.get("file_id")
        name, kind = file.get("filename"), file.get("format") or file.get("mime_type")
        known = ("file_data", "file_id", "filename", "format", "mime_type")
        drop_others(file, known, where, self.call, "has no such field")
        if isinstance(identifier, str):
            url = identifier
            if identifier.startswith("files/"):
                url = f"{self._api.files_url}/{identifier}"
            written = _by_uri(url, kind or _type_of(str(name or identifier)))
        elif isinstance(data, str):
            written = self._media(data, f"{where}.file_data", kind or _type_of(str(name)), _PDF)
        else:
            raise InvalidRequestError("neither file_id nor file_data is given", path=where)
        if name is not None and self._api.is_vertex and "inlineData" in written:
            written["inlineData"]["displayName"] = name
        elif name is not None:
            self.call.report.drop(f"{where}.filename", "a part has no name", given=name)
        return written

    def _media(self, url: str, path: str, kind: str | None, default: str) -> Part:
        """What a URL points to, or what is inline in it."""
        if url.startswith(BASE64_OF_PDF):
            return _inline(_PDF, url)
        if url.startswith("data:"):
            return _inline(*inline_data(url, path))
        if kind is None and url.startswith(_VIDEO):
            kind = "video/mp4"
        kind = kind or _type_of(urlsplit(url).path)
        if kind is None:
            reason = "the address does not say what is there; its type can be given as format"
            self.call.report.add("defaulted", path, reason, sent=default)
        return _by_uri(url, kind or default)


_PDF = "application/pdf"


def _inline(kind: str, data: str) -> Part:
    return {"inlineData": {"mimeType": kind, "data": data}}


def _by_uri(uri: str, kind: str | None) -> Part:
    return {"fileData": {"fileUri": uri, **({} if kind is None else {"mimeType": kind})}}


def _type_of(path: str) -> str | None:
    """The type that a name's ending stands for, without the tables of this machine."""
    _, dot, ending = path.rpartition(".")
    return (types_map | _MORE_TYPES).get(f".{ending.lower()}") if dot else None
