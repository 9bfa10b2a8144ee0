"""Writes a call in a vendor's terms: parameters, tools and their names, own data, the body.

What is left out or changed is recorded in the call's report. It knows no vendor's format.
"""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from typing import Any, Literal, NoReturn

from llmgate._text.dataclass import slotted
from llmgate._text.json import encode_json, is_array, is_object
from llmgate.errors import InvalidRequestError, UnsupportedError
from llmgate.provider.call import ProviderCall
from llmgate.provider.http import HttpRequest

__all__ = [
    "NameMap",
    "ToolChoice",
    "arguments_object",
    "check_text_only",
    "drop_others",
    "function_tools",
    "json_request",
    "merge_body",
    "own_data",
    "parameter",
    "stop_list",
    "token_limit",
]


# --- the request --------------------------------------------------------------------------


def json_request(
    url: str, body: Any, headers: Mapping[str, str] | None = None, *, stream: bool = False
) -> HttpRequest:
    """A POST of a JSON body, without credentials."""
    sent = {"content-type": "application/json"}
    if headers:
        sent.update(headers)
    return HttpRequest("POST", url, sent, encode_json(body), stream=stream)


def merge_body(body: Mapping[str, Any], extra_body: Mapping[str, Any]) -> dict[str, Any]:
    """A body with the caller's own: objects are merged recursively, all else is replaced."""
    merged = dict(body)
    for key, value in extra_body.items():
        before = merged.get(key)
        if is_object(before) and is_object(value):
            value = merge_body(before, value)  # noqa: PLW2901 - the merged value is the value
        merged[key] = value
    return merged


# --- parameters ---------------------------------------------------------------------------


def parameter(call: ProviderCall, name: str) -> Any:
    """A parameter of the call; None where it was not given."""
    parameters: Any = call.parameters  # no cast: this is called a dozen times in a call
    return parameters.get(name)


def stop_list(call: ProviderCall) -> list[str]:
    """The stop sequences, of which one may be given as a string."""
    stop = parameter(call, "stop")
    return [stop] if isinstance(stop, str) else [*(stop or ())]


def token_limit(call: ProviderCall) -> tuple[str, int] | None:
    """The parameter that limits the completion's tokens, and its value; None without a limit.

    Where the older ``max_tokens`` says otherwise than ``max_completion_tokens``, it is dropped.
    """
    limit, older = parameter(call, "max_completion_tokens"), parameter(call, "max_tokens")
    if limit is None:
        return None if older is None else ("max_tokens", older)
    if older is not None and older != limit:
        reason = "max_completion_tokens is sent in its place"
        call.report.add("dropped", "max_tokens", reason, given=older, sent=limit)
    return "max_completion_tokens", limit


def check_text_only(call: ProviderCall, vendor: str) -> None:
    """Leave out ``modalities``, for a vendor whose responses are always text.

    Raises:
        UnsupportedError: when something other than text is asked for.
    """
    modalities = parameter(call, "modalities")
    if modalities is None:
        return
    if modalities != ["text"]:
        raise UnsupportedError(f"{vendor} responds in text only", parameter="modalities")
    call.report.add("dropped", "modalities", "every response is text", given=modalities)


def drop_others(
    fields: Mapping[str, Any], known: Collection[str], path: str, call: ProviderCall, reason: str
) -> None:
    """Record that all fields but the known ones are left out; null says nothing.

    Raises:
        UnsupportedError: when the caller asked for ``unsupported="raise"``.
    """
    for key, value in fields.items():
        if key not in known and value is not None:
            call.report.drop(f"{path}.{key}", reason, given=value)


def own_data(
    message: Mapping[str, Any], provider: str, path: str, call: ProviderCall
) -> dict[str, Any] | None:
    """A message's ``provider_data`` of this provider; None if there is none.

    Data of other providers is dropped, and reported.

    Raises:
        InvalidRequestError: when it is not a dictionary.
    """
    data = message.get("provider_data")
    if data is None:
        return None
    where = f"{path}.provider_data"
    for name in _as_object(data, where):
        if name != provider:
            call.report.add("dropped", f"{where}.{name}", f"{provider} cannot read it")
    own = data.get(provider)
    return None if own is None else _as_object(own, f"{where}.{provider}")


def _as_object(value: Any, path: str) -> dict[str, Any]:
    if not is_object(value):
        raise InvalidRequestError(f"must be a dictionary, not {type(value).__name__}", path=path)
    return value


def arguments_object(given: Any, path: str, call: ProviderCall) -> dict[str, Any]:
    """The arguments of an earlier tool call, for a vendor that accepts nothing but an object.

    A model may be cut off in them, or write something else than a JSON object. That text is then
    the one value of an object, and reported, so that the conversation can go on. None and an empty
    text stand for no arguments, and an object for itself.
    """
    if given is None or is_object(given):
        return given or {}
    arguments = given if isinstance(given, str) else encode_json(given).decode()
    if not arguments.strip():
        return {}
    try:
        value = json.loads(arguments, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        reason = "not valid JSON" if isinstance(error, RecursionError) else str(error)
    else:
        if is_object(value):
            return value
        reason = "not a JSON object"
    sent = {"arguments": arguments}
    reason = f"the text is the value of an object, since it is not one itself: {reason}"
    call.report.add("converted", path, reason, given=arguments, sent=sent)
    return sent


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a JSON number")


# --- tools --------------------------------------------------------------------------------

Tool = Mapping[str, Any]


def function_tools(
    call: ProviderCall, vendor: str, own: Collection[str] = ()
) -> list[tuple[int, Tool]]:
    """The call's functions, each with its index among the tools.

    Args:
        call: The call.
        vendor: Its name, for the error.
        own: The types of the vendor's own tools, which are left to the caller.

    Raises:
        UnsupportedError: for a tool of another type.
    """
    found: list[tuple[int, Tool]] = []
    for place, tool in enumerate(parameter(call, "tools") or ()):
        kind, path = tool["type"], f"tools[{place}]"
        if kind == "function":
            found.append((place, tool))
        elif kind not in own:
            known = f"functions and {', '.join(sorted(own))}" if own else "functions only"
            reason = f"{path}: {vendor} supports {known}, not {kind!r:.60}"
            raise UnsupportedError(reason, parameter=path)
    return found


@slotted
class ToolChoice:
    """What ``tool_choice`` asks for.

    ``mode`` says whether a tool may, must not, or must be called. ``function`` is the one that must
    be, ``allowed`` those among which the choice is; each is None where it is not limited so.
    """

    mode: Literal["auto", "none", "required"]
    function: str | None = None
    allowed: tuple[str, ...] | None = None

    @classmethod
    def of(cls, call: ProviderCall, vendor: str) -> ToolChoice | None:
        """The choice of a call; None where it makes none.

        Raises:
            UnsupportedError: for a custom tool.
            InvalidRequestError: for what is not a choice, and for a tool that is not offered.
        """
        given = parameter(call, "tool_choice")
        if given is None:
            return None
        choice = cls._of(given, vendor)
        if "tools" not in call.extra_body:
            choice._check(parameter(call, "tools") or ())
        return choice

    @classmethod
    def _of(cls, given: Any, vendor: str) -> ToolChoice:
        match given:
            case "auto" | "none" | "required":
                return cls(given)
            case {
                "type": "allowed_tools",
                "allowed_tools": {"mode": "auto" | "required" as mode, "tools": tools},
            } if is_array(tools):
                return cls(mode, allowed=tuple(_name_in(item) for item in tools))
            case {"type": "custom"}:
                reason = f"{vendor} supports functions only"
                raise UnsupportedError(f"tool_choice: {reason}", parameter="tool_choice")
            case _:
                return cls("required", function=_name_in(given))

    def _check(self, tools: Iterable[Tool]) -> None:
        offered = {_name_in(tool) for tool in tools if tool["type"] == "function"}
        if not offered and self.mode == "required":
            raise InvalidRequestError("there is no tool to call", path="tool_choice")
        missing = [name for name in self.names or () if name not in offered]
        if missing:
            raise InvalidRequestError(
                f"{missing[0]!r:.60} is not among the tools", path="tool_choice"
            )

    @property
    def names(self) -> tuple[str, ...] | None:
        """The functions that may be called; None for all."""
        return self.allowed if self.function is None else (self.function,)

    def select(self, tools: Iterable[tuple[int, Tool]]) -> list[tuple[int, Tool]]:
        """The tools that may be called, for a vendor whose model may choose any tool it is sent."""
        names = self.names
        return [each for each in tools if names is None or _name_in(each[1]) in names]


def _name_in(item: Any) -> str:
    match item:
        case {"function": {"name": str(name)}}:
            return name
        case _:
            raise InvalidRequestError(f"{item!r:.100} names no function", path="tool_choice")


class NameMap:
    """Names, or ids, in the characters that a vendor accepts, one for one, and back.

    A name that is accepted is sent unchanged.

    Args:
        names: All that the call has: those of its tools, and those in its history.
        accepted: What a whole name must match. It must match underscores anywhere, and digits at
            the end.
        reason: Why others are changed, for the report.
        longest: The most characters.
    """

    __slots__ = ("_accepted", "_given", "_longest", "_reason", "_sent")

    def __init__(
        self, names: Iterable[str], accepted: re.Pattern[str], reason: str, *, longest: int = 64
    ) -> None:
        self._accepted = accepted
        self._reason = reason
        self._longest = longest
        self._sent: dict[str, str] = {}
        self._given: dict[str, str] = {}
        names = [*dict.fromkeys(names)]
        taken = {name for name in names if self._is_fine(name)}
        for name in names:
            if name not in taken:
                sent = self._free(self._replaced(name), taken)
                self._sent[name], self._given[sent] = sent, name

    def sent(self, name: str, path: str, call: ProviderCall) -> str:
        """The name to send for one of the given names; a change is reported."""
        sent = self._sent.get(name)
        if sent is None:
            return name
        call.report.add("converted", path, self._reason, given=name, sent=sent)
        return sent

    def given(self, name: str) -> str:
        """The name that was given, for one in a response."""
        return self._given.get(name, name)

    def _is_fine(self, name: str) -> bool:
        return len(name) <= self._longest and self._accepted.fullmatch(name) is not None

    def _replaced(self, name: str) -> str:
        """The name with an underscore for each character that is not accepted."""
        characters = [each if self._accepted.fullmatch(f"_{each}") else "_" for each in name]
        text = "".join(characters)
        return text if self._accepted.fullmatch(text) else f"_{text}"

    def _free(self, name: str, taken: Collection[str]) -> str:
        """The name, cut to its length, with another end where it is not free: one or two
        underscores, then numbers, of which there are enough where all of a name was replaced."""
        sent, number = name[: self._longest], 0
        while sent in taken or sent in self._given:
            number += 1
            end = "_" * number if number < 3 else f"_{number}"
            sent = name[: self._longest - len(end)] + end
        return sent
