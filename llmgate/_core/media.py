"""Media in messages: URLs and types in their standard spelling, and files to read.

It knows no host; providers refuse what theirs does not take.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmgate._text.json import is_array, is_object
from llmgate.errors import InvalidRequestError, excerpt
from llmgate.media import LocalFile
from llmgate.report import Deviation

_TYPES: Mapping[str, str] = {
    "image/jpg": "image/jpeg",
    "image/pjpeg": "image/jpeg",
    "image/x-jpeg": "image/jpeg",
    "image/jpe": "image/jpeg",
    "image/x-png": "image/png",
    "image/apng": "image/png",
    "image/x-webp": "image/webp",
    "image/x-gif": "image/gif",
    "application/x-pdf": "application/pdf",
}
"""Types under names that have been in use, each with the registered one."""
_MAX_HEAD = 200


def as_url(url: str) -> str:
    """The URL of an image, with its scheme, and the type of inline data, in standard spelling.

    Raises:
        ValueError: when it is not such a URL but, for example, a file's path.
    """
    scheme, colon, rest = url[:_MAX_HEAD].partition(":")
    scheme = scheme.strip().lower()
    if colon and scheme == "data":
        return as_data_url(url)
    if not (colon and rest.startswith("//")) or scheme == "file":
        raise ValueError("expected an https:// or data: URL (llmgate.image(path) reads a file)")
    return url if url.startswith(scheme) else scheme + url[url.index(":") :]


def as_data_url(url: str) -> str:
    """A ``data:`` URL whose head is in lower case, and whose type is the registered one.

    Raises:
        ValueError: when it does not contain base64.
    """
    head, comma, _ = url[:_MAX_HEAD].partition(",")
    kind, *parameters = [each.strip() for each in head.lower().split(":", 1)[1].split(";")]
    if not comma or "base64" not in parameters:
        raise ValueError("expected data:<mime type>;base64,<data>")
    plain = f"data:{';'.join([_TYPES.get(kind, kind), *parameters])}"
    return url if plain == head else plain + url[len(head) :]


_FORMATS: Mapping[str, str] = {"UklGR": "wav", "SUQz": "mp3", "//": "mp3"}
"""How the base64 of audio begins: RIFF, ID3, or an MPEG frame."""


def as_audio(data: str) -> dict[str, Any]:
    """The object for audio that is given as a base64 string alone, as some hosts accept it.

    Raises:
        ValueError: when its format cannot be recognized.
    """
    plain = data.partition(",")[2] if data[:5].lower() == "data:" else data
    found = (kind for start, kind in _FORMATS.items() if plain.startswith(start))
    kind = next(found, None)
    if kind is None:
        raise ValueError("expected {'data': base64, 'format': 'wav' or 'mp3'}")
    return {"data": plain, "format": kind}


def respelled_parts(
    messages: Iterable[Mapping[str, Any]], respelled: Iterable[tuple[str, Any]]
) -> Iterator[Deviation]:
    """Where checked messages contain a value that was given in another spelling.

    Args:
        messages: The messages.
        respelled: The given values, each with the object that replaces it.
    """
    given = {id(sent): text for text, sent in respelled}
    for index, message in enumerate(messages):
        content = message.get("content")
        for part_index, part in enumerate(content) if is_array(content) else ():
            for path, value in _values_of(part):
                if id(value) in given:
                    where = f"messages[{index}].content[{part_index}].{path}"
                    text, sent = excerpt(given[id(value)], 60), excerpt(str(value), 60)
                    reason = "in the spelling that hosts know"
                    yield Deviation("converted", where, reason, text, sent)


def _values_of(part: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    """The values in a part and in its objects, with their paths."""
    for name in ("image_url", "input_audio", "file"):
        value = part.get(name)
        yield name, value
        if is_object(value):
            yield from ((f"{name}.{key}", inner) for key, inner in value.items())


# --- files of this machine ----------------------------------------------------------------


class FilesToRead(Exception):  # noqa: N818 - it is no error
    """Messages hold files that are to be read first."""

    def __init__(self, messages: list[Any]) -> None:
        super().__init__()
        self.messages = messages


def look_for_files(messages: list[Any]) -> None:
    """Check whether the messages contain files.

    Raises:
        FilesToRead: if there are.
        InvalidRequestError: when a file stands in place of a list of parts.
    """
    for index, message in enumerate(messages):
        content = message.get("content") if is_object(message) else None
        if isinstance(content, LocalFile):
            reason = "expected a string or a list of parts, got one part; write [part]"
            raise InvalidRequestError(reason, path=f"messages[{index}].content")
        if is_array(content) and any(isinstance(part, LocalFile) for part in content):
            raise FilesToRead(messages)


def read_files(messages: list[Any]) -> list[Any]:
    """The messages with the contents of their files. It blocks.

    Raises:
        InvalidRequestError: naming the part whose file cannot be read.
    """
    return [_with_content(message, f"messages[{index}]") for index, message in enumerate(messages)]


def _with_content(message: Any, path: str) -> Any:
    content = message.get("content") if is_object(message) else None
    if not is_array(content):
        return message
    parts = [_read(part, f"{path}.content[{index}]") for index, part in enumerate(content)]
    return {**message, "content": parts}


def _read(part: Any, path: str) -> Any:
    if not isinstance(part, LocalFile):
        return part
    try:
        return part.read()
    except InvalidRequestError as error:
        reason = error.message
    raise InvalidRequestError(reason, path=path)
