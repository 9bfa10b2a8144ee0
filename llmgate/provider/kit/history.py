"""What the messages of a call say to a vendor that has turns: names, ids, inline data, turns.

It knows no vendor's format, and changes no message.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from llmgate._text.json import is_object
from llmgate.errors import InvalidRequestError
from llmgate.provider.call import ProviderCall
from llmgate.provider.kit.writing import parameter

__all__ = [
    "BASE64_OF_PDF",
    "call_ids",
    "called_functions",
    "function_names",
    "inline_data",
    "is_answered_next",
]

BASE64_OF_PDF = "JVBERi"
"""How the base64 of each PDF begins: it is ``%PDF``."""


def inline_data(url: str, path: str) -> tuple[str, str]:
    """The media type, in lower case, and the base64 text of a ``data:`` URL.

    Raises:
        InvalidRequestError: for what is not one.
    """
    head, comma, data = url.partition(",")
    kind, *parameters = head.removeprefix("data:").split(";")
    if not (url.startswith("data:") and comma and "base64" in parameters):
        raise InvalidRequestError("must be data:<mime type>;base64,<data>", path=path)
    return kind.strip().lower(), data


def called_functions(call: ProviderCall) -> Iterator[Mapping[str, Any]]:
    """The functions that earlier responses in a call's messages called."""
    for message in call.messages:
        calls: Any = message.get("tool_calls")
        for called in calls or ():
            if is_object(function := called.get("function")):
                yield function


def function_names(call: ProviderCall) -> Iterator[str]:
    """The names of all functions that a call offers, or that its messages have called."""
    for tool in parameter(call, "tools") or ():
        if is_object(function := tool.get("function")):
            yield function["name"]
    yield from (function["name"] for function in called_functions(call))


def call_ids(messages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of all tool calls, and of those that results name."""
    for message in messages:
        if message.get("tool_call_id"):
            yield message["tool_call_id"]
        yield from (item["id"] for item in message.get("tool_calls") or ())


def is_answered_next(following: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a response, or the end, follows instructions that stand among the turns."""
    roles = (message["role"] for message in following)
    return next((r for r in roles if r not in ("system", "developer")), "assistant") == "assistant"
