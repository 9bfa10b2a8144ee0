"""Cohere's count of tokens, which is that of texts: a call into requests, responses into a number.

Source: https://docs.cohere.com/reference/tokenize
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

from llmgate.errors import DecodeError
from llmgate.models import TokenCount
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import Flow, encode_json, is_array, is_object
from llmgate.provider.kit import Fields, json_request, read_response

__all__ = ["count_texts"]

_LONGEST = 65_536
_BASIS = "Cohere's tokens of the texts, without what its template puts around them"


def count_texts(call: ProviderCall, url: str) -> Flow[TokenCount]:
    """The flow that counts the texts of the messages, and the tools as JSON.

    Raises:
        DecodeError: when a response counts nothing; ``frame`` is its body.
    """
    text, count = "\n".join(_texts(call)), 0
    for start in range(0, max(1, len(text)), _LONGEST):
        piece = text[start : start + _LONGEST]
        response = yield json_request(url, {"model": call.model, "text": piece})
        count += read_response(response, _count_in, "the response counts no tokens")
    return TokenCount(count, is_estimate=True, basis=_BASIS)


def _count_in(payload: Any) -> int:
    fields = Fields(payload)
    if "tokens" not in fields.payload:
        raise DecodeError("it has no tokens")
    return len(fields.array("tokens"))


def _texts(call: ProviderCall) -> Iterator[str]:
    for message in call.messages:
        yield from _texts_in(cast("dict[str, Any]", message).get("content"))
        yield from _texts_in(cast("dict[str, Any]", message).get("tool_calls"))
    tools = call.parameters.get("tools")
    if tools:
        yield encode_json(tools).decode()


def _texts_in(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif is_array(value):
        for item in value:
            yield from _texts_in(item)
    elif is_object(value):
        for name in ("text", "function", "name", "arguments"):
            yield from _texts_in(value.get(name))
