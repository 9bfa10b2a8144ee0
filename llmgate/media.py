"""Local files as parts of a message: they are read when the call is made.

    acompletion(model, [{"role": "user", "content": [llmgate.image("cat.png")]}])

A bare path in a message is never read: otherwise anybody who can write a message could read any
file.
"""

from __future__ import annotations

import base64
import os
from typing import Any, cast
from urllib.parse import unquote, urlsplit

from llmgate._text.dataclass import slotted
from llmgate.errors import InvalidRequestError, describe_value

__all__ = ["MOST_BYTES", "LocalFile", "audio", "file", "image"]

MOST_BYTES = 32 * 1024 * 1024
"""The largest file that is read; providers usually accept less."""


@slotted
class LocalFile:
    """A file that becomes a part of a message when the call is made, off the event loop.

    ``kind`` is ``image``, ``file`` or ``audio``. ``options`` are the other keys of such a part.
    """

    kind: str
    path: str
    options: dict[str, Any]

    def read(self) -> dict[str, Any]:
        """The part, in OpenAI's format. It blocks.

        Raises:
            InvalidRequestError: when the file cannot be read, is larger than ``MOST_BYTES``, or its
                type cannot be determined.
        """
        try:
            with open(self.path, "rb") as opened:
                data = opened.read(MOST_BYTES + 1)
        except (OSError, ValueError) as error:
            reason = getattr(error, "strerror", None) or "it is not a path"
        else:
            return _part(self.kind, data, os.path.basename(self.path), self.options)
        raise InvalidRequestError(f"{describe_value(self.path)} cannot be read: {reason}")


def image(source: str | os.PathLike[str] | bytes, *, detail: str | None = None) -> Any:
    """An image as a part of a message's content.

    Args:
        source: A path, a ``file://`` URL or the bytes of an image, or its https or data URL.
        detail: ``auto``, ``low``, ``high`` or ``original``.

    Raises:
        InvalidRequestError: for bytes that are not an image. A file is checked when it is read: see
            :meth:`LocalFile.read`.
    """
    options = {} if detail is None else {"detail": detail}
    if isinstance(source, str) and source[:6].lower().startswith(("http:/", "https:", "data:")):
        return {"type": "image_url", "image_url": {"url": source, **options}}
    return _from("image", source, "", options)


def file(source: str | os.PathLike[str] | bytes, *, filename: str | None = None) -> Any:
    """A document, such as a PDF, as a part of a message's content.

    Args:
        source: A path, a ``file://`` URL, or the bytes of a document.
        filename: Its name for the model; that of the path by default.
    """
    options = {} if filename is None else {"filename": filename}
    return _from("file", source, filename or "", options)


def audio(source: str | os.PathLike[str] | bytes, *, format: str | None = None) -> Any:
    """Spoken input as a part of a message's content.

    Args:
        source: A path, a ``file://`` URL, or the bytes of a recording.
        format: ``wav``, ``mp3``, or what else the model takes; by default what the data says, or
            the end of its name.
    """
    return _from("audio", source, "", {} if format is None else {"format": format})


def _from(kind: str, source: Any, name: str, options: dict[str, Any]) -> Any:
    if isinstance(source, bytes):
        return _part(kind, source, name, options)
    if not isinstance(source, str | os.PathLike):
        raise InvalidRequestError.expected("a path or bytes", source, "source")
    path = os.fsdecode(cast("str | os.PathLike[str]", source))
    if path[:8].lower().startswith(("http://", "https://")):
        reason = f"{describe_value(path)} is not a file: load it, and pass the bytes"
        raise InvalidRequestError(reason, path="source")
    if path[:7].lower() == "file://":
        path = unquote(urlsplit(path).path)
    return LocalFile(kind, os.path.expanduser(path), options)


def _part(kind: str, data: bytes, name: str, options: dict[str, Any]) -> dict[str, Any]:
    if not data or len(data) > MOST_BYTES:
        size = f"larger than {MOST_BYTES:,} bytes" if data else "empty"
        raise InvalidRequestError(f"{describe_value(name) if name else 'the ' + kind} is {size}")
    text = base64.b64encode(data).decode()
    if kind == "audio":
        form = options.get("format") or _type_of(data, name, kind)
        return {"type": "input_audio", "input_audio": {"data": text, "format": form}}
    url = f"data:{_type_of(data, name, kind)};base64,{text}"
    if kind == "image":
        return {"type": "image_url", "image_url": {"url": url, **options}}
    return {"type": "file", "file": {"filename": name or "file", "file_data": url, **options}}


_BEGINNINGS = {
    "image": (
        (b"\x89PNG", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"GIF8", "image/gif"),
        (b"BM", "image/bmp"),
    ),
    "audio": (
        (b"ID3", "mp3"),
        *((b"\xff" + kind, "mp3") for kind in (b"\xfb", b"\xfa", b"\xf3", b"\xf2")),
        (b"fLaC", "flac"),
        (b"OggS", "ogg"),
    ),
    "file": ((b"%PDF", "application/pdf"),),
}
"""How data of each kind begins. Kinds inside RIFF are named later in the data."""


def _type_of(data: bytes, name: str, kind: str) -> str:
    """The media type, or the audio format: what the data says, or else the name."""
    if data[:4] == b"RIFF" and data[8:12] in (b"WEBP", b"WAVE"):
        found = "image/webp" if data[8:12] == b"WEBP" else "wav"
        if (kind == "image") is (found == "image/webp") and kind != "file":
            return found
    for beginning, found in _BEGINNINGS[kind]:
        if data.startswith(beginning):
            return found
    return _type_by_name(name, kind)


def _type_by_name(name: str, kind: str) -> str:
    from mimetypes import guess_type  # noqa: PLC0415 - only where the data does not say

    guessed = guess_type(name)[0] or ""
    if kind == "file":
        return guessed or "application/octet-stream"
    if kind == "image" and guessed.startswith("image/"):
        return guessed
    end = os.path.splitext(name)[1].lstrip(".").lower()
    if kind == "audio" and end:
        return end
    if not name:
        hint = "" if kind == "image" else "; pass format="
        raise InvalidRequestError(f"the bytes are no {kind} of a known type{hint}")
    raise InvalidRequestError(f"nobody can tell which type of {kind} {describe_value(name)} is")
