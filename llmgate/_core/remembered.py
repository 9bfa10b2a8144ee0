"""A cache of messages and large parameters that passed the checks: equal JSON is checked once.

Parameters are written in Python's own format, which tells apart what JSON does not. Nothing is
remembered by identity, since whoever holds a dictionary may change it. What is wrong, or may be, is
left to ``check``, which explains it.
"""

from __future__ import annotations

import marshal
from collections.abc import Callable, Iterable, Mapping
from copy import copy, deepcopy
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from llmgate._core.validators import validator
from llmgate._text.contradictions import refuse_contradictions
from llmgate._text.dataclass import copier
from llmgate._text.json import (
    WrittenList,
    decode_json,
    encode_json,
    is_array,
    plain_json,
)
from llmgate.provider.call import PlainMessages, TextMessages

if TYPE_CHECKING:
    from llmgate.options import ChatCall

Call = TypeVar("Call")
LARGE = ("functions", "response_format", "tools")
"""The parameters that programs pass again and again, and that are slow to check."""
_MAX_BYTES = 128 * 1024
_MAX_BYTES_OF_A_MESSAGE = 8 * 1024


class _Known(NamedTuple):
    """A message as it was written and as it was checked. JSON has a list for a tuple and a null for
    what is not a number: only the comparison with what was written tells them apart."""

    written: Any
    checked: Any
    json: bytes
    is_plain: bool


def valid_large_parameters(parameters: Mapping[str, Any]) -> dict[str, Any]:
    """The checked forms of the large parameters that need no full check.

    Their contents are shared by all calls and must not be changed: code that may change a call
    works on a :func:`deep_copy`.
    """
    found = dict[str, Any]()
    for name in LARGE:
        value = parameters.get(name)
        known = _known_parameter(name, value) if type(value) in (list, dict) and value else None
        if known is not None:
            value, json = known
            found[name] = copy(value) if json is None else WrittenList(value, json)
    return found


def _known_parameter(name: str, value: Any) -> tuple[Any, bytes | None] | None:
    """A parameter as it was checked, and its JSON where it is a list; None where it is not right,
    or too large to be remembered."""
    try:
        raw = marshal.dumps(value)
    except ValueError:  # an object of a class, or too deep
        return None
    return None if len(raw) > _MAX_BYTES else _parameter(name, raw)


@lru_cache(maxsize=64)
def _parameter(name: str, raw: bytes) -> tuple[Any, bytes | None] | None:
    """A checked parameter, and its JSON if it is a list; None if it needs the full check."""
    written = marshal.loads(raw)  # noqa: S302 - our own, written just before
    try:
        parameters = validator("parameters").validate_python({name: written})
        refuse_contradictions(parameters)
    except ValueError:  # the validator's own, or of a contradiction
        return None
    checked = parameters[name]
    return checked, plain_json(checked) if is_array(checked) else None


class _WrittenMessages(WrittenList, PlainMessages):
    """Plain messages with their JSON, which is that of each, joined."""

    __slots__ = ()


def valid_messages(messages: Iterable[Any]) -> list[Any] | None:
    """The checked messages, each from the cache where equal JSON was checked before; None if one
    needs the full check.

    A conversation grows by a few messages from call to call, and the others are known: plain ones
    by comparison with those at the same place in a conversation that began alike. Each is a copy,
    but for what is in its parts and calls.
    """
    found = list[_Known]()
    history: _History | None = None
    earlier: tuple[_Known | None, ...] = ()
    has_news = False
    for index, message in enumerate(messages):
        if index == _BEGINNING:
            history = _history(*[each.json for each in found])
            earlier, has_news = history.known, False
        known = earlier[index] if index < len(earlier) else None
        try:
            # of texts alone, what is equal is the same; a number may be equal to a truth value
            is_known = known is not None and known.is_plain and bool(known.written == message)
        except Exception:  # noqa: BLE001 - comparing foreign values may raise anything
            return None
        if not is_known:
            known, has_news = _known(message), True
        if known is None:
            return None
        found.append(known)
    if history is not None and has_news:
        history.known = tuple(map(_if_short, found[:_MAX_HISTORY]))
    checked = [known.checked.copy() for known in found]
    if not checked or False in [known.is_plain for known in found]:
        return checked or None
    return _WrittenMessages(checked, b"[%b]" % b",".join([known.json for known in found]))


class _History:
    """The last messages of a conversation, for calls that continue it."""

    __slots__ = ("known",)

    def __init__(self) -> None:
        self.known: tuple[_Known | None, ...] = ()


_BEGINNING = 2
_MAX_HISTORY = 128


@lru_cache(maxsize=8)
def _history(*beginning: bytes) -> _History:  # noqa: ARG001 - that is what it is known by
    return _History()


def _if_short(known: _Known) -> _Known | None:
    return known if len(known.json) <= _MAX_BYTES_OF_A_MESSAGE else None


def _known(message: Any) -> _Known | None:
    raw = plain_json(message)
    if raw is None:
        return None
    is_short = len(raw) <= _MAX_BYTES_OF_A_MESSAGE
    known = _message(raw) if is_short else _message.__wrapped__(raw)
    return None if known is None or known.written != message else known


@lru_cache(maxsize=1024)
def _message(raw: bytes) -> _Known | None:
    """The message of this JSON with its checked form; None if it needs the full check."""
    written, respelled = decode_json(raw), list[Any]()
    try:
        (checked,) = validator("messages").validate_python([written], context=respelled)
    except ValueError:
        return None
    if respelled:
        return None
    drop_nulls(checked)
    return _Known(written, checked, encode_json(checked), _is_plain(checked))


def _is_plain(message: dict[str, Any]) -> bool:
    """Whether it is one of :class:`PlainMessages`. All that it holds is text, or null."""
    role = message["role"]
    if "content" not in message or not _OF_PLAIN_MESSAGES.get(role, _NONE).issuperset(message):
        return False
    content = message["content"]
    is_text = type(content) is str
    if role != "assistant":
        return is_text
    calls = message.get("tool_calls", ())
    are_plain = all(
        call.keys() == _OF_A_CALL and call["function"].keys() == _OF_A_FUNCTION for call in calls
    )
    return are_plain and bool(content or calls) and (is_text or content is None)


_OF_A_CALL, _OF_A_FUNCTION = frozenset({"id", "type", "function"}), frozenset({"name", "arguments"})
_NONE = frozenset[str]()
_TEXT = frozenset({"role", "content"})
_OF_PLAIN_MESSAGES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("system", "developer", "user"), _TEXT),
    "assistant": _TEXT | {"tool_calls"},
    "tool": _TEXT | {"tool_call_id"},
}
"""What the check has made sure of, by role: the same names may hold anything in other roles."""


def drop_nulls(message: dict[str, Any]) -> None:
    """Drop the keys that are None, as in the dump of a message; only ``content`` says
    something by being null, and some hosts want it."""
    if None not in message.values():
        return
    for name in [name for name, value in message.items() if value is None and name != "content"]:
        del message[name]
    if message["role"] != "assistant":  # where that name holds what the caller likes
        return
    for call in message.get("tool_calls", ()):
        for name in [name for name, value in call.items() if value is None]:
            del call[name]


def deep_copy(call: ChatCall) -> ChatCall:
    """The call with its own copies of messages and large parameters, which may be changed: so the
    messages are of no class that says what is in them."""
    copy = shallow_copy(call)
    own: Any = call.parameters.copy()
    if own:
        for name in LARGE:
            if name in own:
                own[name] = deepcopy(own[name])
    copy.parameters = own
    messages = [*call.messages]  # each of its own already, where it is a mere text
    copy.messages = messages if isinstance(call.messages, TextMessages) else deepcopy(messages)
    return copy


def shallow_copy(call: Call) -> Call:
    """A copy of the call whose fields may be changed."""
    kind: Any = type(call)
    copy: Call = _copier_of(kind)(call)
    return copy


@cache
def _copier_of(kind: Any) -> Callable[[Any], Any]:
    return copier(kind)
