"""Tokens, estimated: nothing is downloaded, so no model's own tokenizer is at hand.

The estimate is that of a tokenizer of English text and code; ``count`` of a provider's own endpoint
is exact. The ids of :func:`encode` are this module's own and mean nothing to a model; they serve to
cut a text at a number of tokens, and :func:`decode` gives the text back.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from typing import Any

from llmgate.provider.http import is_array, is_object

__all__ = ["decode", "encode", "token_counter"]

_PIECES = re.compile(r" ?[^\W\d_]{1,8}| ?\d{1,3}| ?[^\s\w]{1,3}|_+|\s", re.UNICODE)
_WIDE = re.compile(r"[\u2e80-\u9fff\uac00-\ud7af\uf900-\ufaff]")
_FOR_A_MESSAGE = 3
_FOR_THE_RESPONSE = 3
_FOR_AN_IMAGE = 85


def _pieces(text: str) -> list[str]:
    found: list[str] = []
    for piece in _PIECES.findall(text):
        found += list(piece) if _WIDE.search(piece) else [piece]
    return found


def encode(model: str = "", text: str = "", **_: Any) -> list[int]:  # noqa: ARG001 - any model is one here
    """Numbers of the text's pieces, one for each estimated token."""
    return [
        int.from_bytes(b"\x01" + piece.encode("utf-8", "surrogatepass")) for piece in _pieces(text)
    ]


def decode(model: str = "", tokens: Iterable[int] = (), **_: Any) -> str:  # noqa: ARG001 - likewise
    """The text whose pieces have these numbers.

    Raises:
        ValueError: for a number that :func:`encode` did not give.
    """
    return "".join(_text_of(token) for token in tokens)


def _text_of(token: int) -> str:
    data = token.to_bytes((token.bit_length() + 7) // 8)
    if data[:1] != b"\x01":
        raise ValueError(
            f"{token} is not a number that encode() gives: a model's own are not known"
        )
    return data[1:].decode("utf-8", "surrogatepass")


def token_counter(
    model: str = "",  # noqa: ARG001 - likewise
    text: str | list[str] | None = None,
    messages: Iterable[Any] | None = None,
    tools: Any = None,
    **_: Any,
) -> int:
    """About how many tokens a text, or a conversation with its tools, is for any model."""
    if text is not None:
        return _count("".join(text) if isinstance(text, list) else text)
    if messages is None:
        raise ValueError("text and messages cannot both be None")
    count = sum(_FOR_A_MESSAGE + _of_message(message) for message in messages)
    if tools:
        count += _count(json.dumps(tools, default=str))
    return count + _FOR_THE_RESPONSE


def _count(text: str) -> int:
    return len(_pieces(text))


def _of_message(message: Any) -> int:
    fields: dict[str, Any] = (
        message if is_object(message) else message.model_dump(exclude_none=True)
    )
    return sum(_of_value(value) for value in fields.values())


def _of_value(value: Any) -> int:
    if isinstance(value, str):
        return _count(value)
    if is_array(value):
        return sum(_of_value(each) for each in value)
    if is_object(value):
        if value.get("type") in {"image_url", "image"}:
            return _FOR_AN_IMAGE
        return sum(_of_value(each) for name, each in value.items() if name != "type")
    return 0
