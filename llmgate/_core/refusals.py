"""Explains why a value was refused: the path of the wrong part, and the reason.

It decides nothing; ``schemas`` declares what is valid.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

from llmgate._text.json import is_array, is_object
from llmgate.errors import InvalidRequestError, describe_value, excerpt

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails, ValidationError

LARGEST = 2**4095
"""Accepted integers are smaller than this in absolute value: they have up to 1,232 digits."""
_MAX_DEPTH = 200
"""How many levels a JSON value may be nested; more than any provider accepts."""


def json_fault(value: Any, path: str) -> InvalidRequestError | None:
    """The error for the part of a value that is not valid JSON, found without recursion; None if
    all is."""
    waiting: list[tuple[Any, str, int]] = [(value, path, 0)]
    while waiting:
        item, where, depth = waiting.pop()
        reason = "nested too deeply, or contains itself" if depth > _MAX_DEPTH else _fault(item)
        if reason:
            return InvalidRequestError(
                reason, path=where if len(where) < 120 else where[:120] + "…"
            )
        children: Iterable[tuple[str, Any]] = ()
        if is_object(item):
            children = ((_joined(where, key), child) for key, child in item.items())
        elif is_array(item):
            children = ((f"{where}[{index}]", child) for index, child in enumerate(item))
        waiting.extend((child, place, depth + 1) for place, child in reversed([*children]))
    return None


def _fault(item: Any) -> str | None:
    """Why this item itself is not a JSON value, regardless of its own items."""
    if is_object(item):
        keys: list[Any] = list(item)
        wrong = [key for key in keys if not (isinstance(key, str) and _is_unicode(key))]
        return f"the key {wrong[0]!a} is not a string" if wrong else None
    match item:
        case None | bool() | list():
            return None
        case str():
            return None if _is_unicode(item) else "a lone surrogate, which is not valid Unicode"
        case int():
            return None if abs(item) < LARGEST else "an integer of more than 1,200 digits"
        case float():
            return None if math.isfinite(item) else f"{item} is not a JSON number"
        case type():
            return f"the class {item.__name__} is not a JSON value"
        case _:
            return f"{kind_of(item)} is not a JSON value"


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def explain_refusal(error: ValidationError, value: Any, path: str) -> InvalidRequestError:
    """The deepest of pydantic's errors: in a union, that is the branch the caller meant.

    Args:
        error: pydantic's error.
        value: The value that pydantic refused.
        path: The value's own path.
    """
    found = max(
        error.errors(include_url=False),
        key=lambda finding: (len(finding["loc"]), not finding["type"].endswith("_type")),
    )
    where = path
    for step in _real_steps(found["loc"], value):
        where = f"{where}[{step}]" if isinstance(step, int) else _joined(where, step)
    context = found.get("ctx", {})
    if "discriminator" in context:  # found at the object whose role or type is wrong
        where = _joined(where, context["discriminator"].strip("'"))
    return InvalidRequestError(_plain(found, context, where), path=where)


def _real_steps(location: tuple[int | str, ...], value: Any) -> Iterable[int | str]:
    """The steps of the path through the value, without the names of union branches.

    Branches are named ``~…`` in the schemas, or by the tag that chose them. A tag differs from a
    key: it follows an index, and equals the value's own ``role`` or ``type``.
    """
    after_index = False
    for step in location:
        if isinstance(step, str) and step.startswith("~"):
            continue
        is_tag = after_index and isinstance(step, str)
        if is_tag and is_object(value) and step in (value.get("role"), value.get("type")):
            after_index = False
            continue
        after_index = isinstance(step, int)
        yield step
        value = _child(value, step)


def _child(value: Any, step: int | str) -> Any:
    try:
        return value[step]
    except (LookupError, TypeError):
        return None


_TEXT_OR_LIST: Mapping[str, str] = {
    "content": "a string or a list of parts",
    "stop": "a string or a list of strings",
}
"""What to say is expected, by the field's name, where pydantic would name a string alone."""


def _plain(found: ErrorDetails, context: Mapping[str, Any], where: str) -> str:
    """Pydantic's error in terms of chat messages."""
    given, field = found["input"], where.rpartition(".")[2]
    match found["type"]:
        case "missing" | "union_tag_not_found":
            return f"is missing{_in_place_of(given, where)}"
        case "union_tag_invalid":
            return (
                f"must be one of {context['expected_tags']}; got {describe_value(context['tag'])}"
                f"{_nearest(context['tag'], context['expected_tags'])}"
            )
        case "string_too_short":
            return "must not be empty"
        case "too_short":  # the minimum is one item everywhere
            return "must not be empty"
        case "model_attributes_type" | "dict_type":
            hint = ""
            if isinstance(given, str) and field.startswith("content["):
                hint = f'; write {{"type": "text", "text": "{excerpt(given, 40)}"}}'
            return f"expected a dictionary, got {kind_of(given)}{hint}"
        case "string_type" if field in _TEXT_OR_LIST:
            hint = "; write [part] for one part" if is_object(given) else ""
            got = kind_of(given) if is_object(given) else describe_value(given)
            return f"expected {_TEXT_OR_LIST[field]}, got {got}{hint}"
        case _:
            pass
    text = found["msg"].replace("Input should be", "expected").removeprefix("Value error, ")
    text = text.replace(" after validation", "")
    text = text[:1].lower() + text[1:]
    if is_object(given) or is_array(given):
        return f"{text}, got {kind_of(given)}" if text.startswith("expected") else text
    return f"{text}, got {describe_value(given)}"


_HABITS = ("text", "parts", "message")
"""The keys that hold the content of a message in other libraries."""


def _in_place_of(given: Any, where: str) -> str:
    """What to write, if another key stands in place of the missing one."""
    path, _, field = where.rpartition(".")
    names: Any = given if is_object(given) else ()
    if field == "content":
        found = [name for name in _HABITS if name in names]
        return f"; write content in place of {found[0]}" if found else ""
    if field == "type" and path.startswith("tools[") and "name" in names:
        return '; write {"type": "function", "function": {"name": …, "parameters": …}}'
    return ""


def _nearest(given: Any, expected: str) -> str:
    from difflib import get_close_matches  # noqa: PLC0415 - only on the way to an error

    near = get_close_matches(str(given), [each.strip(" '") for each in expected.split(",")], 1)
    return f"; did you mean {near[0]!r}?" if near else ""


def _joined(where: str, key: object) -> str:
    return f"{where}.{key}" if where else str(key)


def kind_of(value: object) -> str:
    """The name of a value's type, as errors show it."""
    return "None" if value is None else type(value).__name__
