"""Reads the header of a GGUF file and nothing behind it; it must never read a tensor's values.

llama.cpp answers every unusable file with one and the same sentence, so what is wrong with a file
is found out here, before it is loaded.
Source: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

from __future__ import annotations

import mmap
import re
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

__all__ = ["GgufError", "GgufMetadata", "mentions", "read_metadata"]

_MAGIC = b"GGUF"
_VERSIONS = (2, 3)
_DEFAULT_ALIGNMENT = 32
_STRING = 8
_ARRAY = 9
# value type of the format -> struct code, little-endian
_NUMBERS = {
    0: "<B",
    1: "<b",
    2: "<H",
    3: "<h",
    4: "<I",
    5: "<i",
    6: "<f",
    7: "<?",
    10: "<Q",
    11: "<q",
    12: "<d",
}

_Value: TypeAlias = str | int | float | bool | None


class GgufError(ValueError):
    """The file is no model that llama.cpp could load. The message names it and says why."""


@dataclass(frozen=True, slots=True)
class GgufMetadata:
    """What a GGUF file says about its model."""

    path: Path
    """The file that was read."""
    version: int
    """The version of the file format."""
    architecture: str
    """The family of networks the model belongs to, such as "llama"."""
    name: str | None
    """The model's name as its makers wrote it."""
    chat_template: str | None
    """The Jinja template that turns messages into a prompt."""
    tool_chat_template: str | None
    """The template that llama.cpp takes instead when a request has tools."""
    context_length: int | None
    """The tokens the model was trained to overlook at once."""
    tensor_count: int
    """The number of tensors in the file."""
    size: int
    """The size of the file, in bytes."""


def mentions(chat_template: str, *names: str) -> bool:
    """Whether the template uses one of these names in what it does, and not just in its words.

    llama.cpp silently drops what a request holds and its model's template does not use.
    """
    tags = re.findall(r"\{[{%].*?[%}]\}", chat_template, re.DOTALL)
    return any(re.search(rf"\b(?:{'|'.join(names)})\b", tag) for tag in tags)


def read_metadata(path: Path) -> GgufMetadata:
    """Read a model file's header.

    Raises:
        GgufError: there is no such file, it is a directory, it is no GGUF file, it was cut short,
            or its version is not supported.
    """
    if not path.exists():
        raise GgufError(f"{path}: there is no such file")
    if not path.is_file():
        raise GgufError(
            f"{path}: is a directory, not a GGUF file"
            if path.is_dir()
            else f"{path}: is not a file"
        )
    try:
        return _read_file(path)
    except OSError as error:
        raise GgufError(f"{path}: cannot be read: {error.strerror}") from error


def _read_file(path: Path) -> GgufMetadata:
    with path.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise GgufError(f"{path}: is not a GGUF file")
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as buffer:
            return _read_header(_Cursor(buffer, path), path)


def _read_header(cursor: _Cursor, path: Path) -> GgufMetadata:
    cursor.skip(len(_MAGIC))
    version = _read_version(cursor, path)
    tensor_count = cursor.count()
    values = {cursor.string(): cursor.value() for _ in range(cursor.count())}
    _check_tensors(cursor, tensor_count, _whole(values.get("general.alignment")))
    architecture = _text(values.get("general.architecture"))
    if architecture is None:
        raise GgufError(f"{path}: does not name its architecture")
    return GgufMetadata(
        path=path,
        version=version,
        architecture=architecture,
        name=_text(values.get("general.name")),
        chat_template=_text(values.get("tokenizer.chat_template")),
        tool_chat_template=_text(values.get("tokenizer.chat_template.tool_use")),
        context_length=_whole(values.get(f"{architecture}.context_length")),
        tensor_count=tensor_count,
        size=cursor.size,
    )


def _read_version(cursor: _Cursor, path: Path) -> int:
    version = cursor.version()
    if version not in _VERSIONS:
        raise GgufError(f"{path}: has version {version} of GGUF; 2 and 3 are supported")
    return version


def _check_tensors(cursor: _Cursor, count: int, alignment: int | None) -> None:
    """Refuse a file that ends before its last tensor begins: a download that broke off."""
    last_offset = max((cursor.tensor_offset() for _ in range(count)), default=None)
    if last_offset is None:
        return
    step = alignment or _DEFAULT_ALIGNMENT
    data_start = -(-cursor.position // step) * step
    if data_start + last_offset >= cursor.size:
        raise cursor.truncated()


def _text(value: _Value) -> str | None:
    return value if isinstance(value, str) else None


def _whole(value: _Value) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


class _Cursor:
    """A position in the file that moves over what it reads and never past the end."""

    def __init__(self, buffer: mmap.mmap, path: Path) -> None:
        self._buffer = buffer
        self._path = path
        self.position = 0
        self.size = len(buffer)

    def truncated(self) -> GgufError:
        """The error for a file that ends too early."""
        return GgufError(f"{self._path}: is truncated: it ends at byte {self.size}")

    def skip(self, size: int) -> int:
        """Move on by that many bytes.

        Returns:
            the position before.

        Raises:
            GgufError: the file has not so many bytes left.
        """
        start = self.position
        if size > self.size - start:
            raise self.truncated()
        self.position = start + size
        return start

    def version(self) -> int:
        """The next 32-bit number."""
        return int(self._number("<I"))

    def count(self) -> int:
        """The next 64-bit number."""
        return int(self._number("<Q"))

    def string(self) -> str:
        """The next string. What is not UTF-8 in it is replaced, for it may be any model's words."""
        size = self.count()
        start = self.skip(size)
        return self._buffer[start : start + size].decode("utf-8", "replace")

    def value(self) -> _Value:
        """The next value of a key. Arrays are skipped and read as None."""
        kind = self.version()
        if kind == _STRING:
            return self.string()
        if kind == _ARRAY:
            self._skip_array()
            return None
        return self._number(self._code(kind))

    def tensor_offset(self) -> int:
        """Skip the description of a tensor.

        Returns:
            where its values begin, in bytes from the first tensor's.
        """
        self.string()
        dimensions = self.version()
        self.skip(8 * dimensions + 4)
        return self.count()

    def _number(self, code: str) -> int | float | bool:
        start = self.skip(struct.calcsize(code))
        number: int | float | bool = struct.unpack_from(code, self._buffer, start)[0]
        return number

    def _skip_array(self) -> None:
        kind, length = self.version(), self.count()
        if kind == _STRING:
            self._skip_strings(length)
        else:
            self.skip(length * struct.calcsize(self._code(kind)))

    def _skip_strings(self, length: int) -> None:
        # A vocabulary has some 100,000 of them: this loop is the whole cost of reading a header.
        buffer, position, size = self._buffer, self.position, self.size
        for _ in range(length):
            position += 8 + int.from_bytes(buffer[position : position + 8], "little")
            if position > size:
                raise self.truncated()
        self.position = position

    def _code(self, kind: int) -> str:
        code = _NUMBERS.get(kind)
        if code is None:
            raise GgufError(f"{self._path}: is damaged: there is no value type {kind}")
        return code
