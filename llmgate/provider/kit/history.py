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
    "function_in",
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
    for called in _calls_in(call.messages):
        function = function_in(called)
        if function is not None:
            yield function


def function_in(call: Mapping[str, Any]) -> Mapping[str, Any] | None:
    """The function that a tool call is of, which has a name, as the call has an id; None where it
    is of another type, or of one that a host invented and that has not both.
    """
    function = call.get("function")
    is_one = is_object(function) and isinstance(function.get("name"), str)
    return function if is_one and isinstance(call.get("id"), str) else None


def _calls_in(messages: Iterable[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for message in messages:
        if message["role"] == "assistant":  # in other roles that name may hold anything
            yield from message.get("tool_calls") or ()


def function_names(call: ProviderCall) -> Iterator[str]:
    """The names of all functions that a call offers, or that its messages have called."""
    for tool in parameter(call, "tools") or ():
        if tool["type"] == "function":
            yield tool["function"]["name"]
    yield from (function["name"] for function in called_functions(call))


def call_ids(messages: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """The ids of all tool calls, and of those that results name."""
    for message in messages:
        if message["role"] == "tool":
            yield message["tool_call_id"]
        else:
            given = (called.get("id") for called in _calls_in([message]))
            yield from (each for each in given if isinstance(each, str))


def is_answered_next(following: Iterable[Mapping[str, Any]]) -> bool:
    """Whether a response, or the end, follows instructions that stand among the turns."""
    roles = (message["role"] for message in following)
    return next((r for r in roles if r not in ("system", "developer")), "assistant") == "assistant"
