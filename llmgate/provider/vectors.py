"""Vectors as hosts send them, and whether a response has all that were asked for; no I/O."""

from __future__ import annotations

import sys
from array import array
from binascii import Error as BadBase64Error
from binascii import a2b_base64
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from llmgate._text.json import is_array
from llmgate.errors import DecodeError

if TYPE_CHECKING:
    from llmgate.embeddings import Embedding

__all__ = ["one_for_each", "vector_of"]


def vector_of(value: Any, path: str, *, is_int8: bool = False) -> list[float]:
    """A vector from a JSON array of numbers, or from base64 of little-endian float32.

    Base64 of float64 that were float32 before is known by its bits, and read as such: servers have
    sent it where they widened their numbers. Source: recorded responses of vLLM.

    Args:
        value: What the provider sent.
        path: Where it stands in the response, for the error's text.
        is_int8: Whether its base64 is of signed bytes, as hosts send that round their numbers.

    Raises:
        DecodeError: when it is neither, or empty.
    """
    is_text = isinstance(value, str)
    numbers = _from_base64(value, path, is_int8) if is_text else _from_array(value, path)
    if not numbers:
        raise DecodeError(f"{path}: the vector is empty")
    return numbers.tolist()


def _from_array(value: Any, path: str) -> array[float]:
    if not is_array(value):
        raise DecodeError(f"{path}: expected a vector, got {type(value).__name__}")
    try:
        return array("d", value)
    except (TypeError, OverflowError):
        reason = "expected numbers alone"
    raise DecodeError(f"{path}: {reason}")


def _from_base64(text: str, path: str, is_int8: bool) -> array[float]:
    try:
        data = a2b_base64(text, strict_mode=True)
        if is_int8:
            return array("d", array("b", data))
        numbers = array("d", data) if _is_widened(data) else array("f", data)
    except (BadBase64Error, ValueError):
        reason = "expected base64 of float32 numbers"
    else:
        if sys.byteorder == "big":
            numbers.byteswap()
        return numbers
    raise DecodeError(f"{path}: {reason}")


def _is_widened(data: bytes) -> bool:
    """Whether these are float64 that were float32: then the lowest 29 bits of each are zero, while
    every second number of float32 would be zero, and few of the others."""
    if data[:3] != b"\0\0\0" or len(data) % 8 or len(data) < _LONG:
        return False
    if any(data[0::8]) or any(data[1::8]) or any(data[2::8]):
        return False
    highest = data[7::8]
    return not any(each & 31 for each in data[3::8]) and highest.count(0) * 2 < len(highest)


_LONG = 256
"""In bytes; of fewer numbers, the bits may be so by chance."""


def one_for_each(embeddings: list[Embedding], count: int) -> list[Embedding]:
    """The embeddings in the order of the input, of which there is one for each of ``count`` items.

    Raises:
        DecodeError: when one is missing or there twice, or when their lengths differ.
    """
    ordered = sorted(embeddings, key=attrgetter("index"))
    indexes = [item.index for item in ordered]
    if indexes != [*range(count)]:
        raise DecodeError(f"expected one vector for each of {count} inputs, got {_named(indexes)}")
    lengths = {len(item.embedding) for item in ordered}
    if len(lengths) > 1:
        raise DecodeError(f"the vectors are of different lengths: {sorted(lengths)[:5]}")
    return ordered


def _named(indexes: list[int]) -> str:
    shown = ", ".join(map(str, indexes[:10]))
    more = ", …" if len(indexes) > 10 else ""
    return f"{len(indexes)} with the indexes {shown}{more}" if indexes else "none"
